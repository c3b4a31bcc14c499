/** Decides which engine serves, and says why: never a simulated answer on a machine that could give a real one. */
import { DynamoError } from '../base/error.ts';
import type { Engine, EngineName } from '../engine/engine.ts';
import { simEngine } from '../engine/sim.ts';
import type { Choice } from './plan.ts';
import type { HostFacts } from './request.ts';

export interface EngineChoice {
  readonly engine: Engine;
  readonly choice: Choice;
}

/** Throws `environment` on a host with GPUs but without SGLang, and for an engine that this version does not have yet. */
export function chooseEngine(asked: 'auto' | EngineName, host: HostFacts): EngineChoice {
  const { name, because } = asked === 'auto' ? auto(host) : { name: asked, because: `--engine ${asked}` };
  if (name !== 'sim') throw notBuiltYet(name, because);
  return {
    engine: simEngine(host.node, host.simEntry),
    choice: { what: 'engine', value: name, because },
  };
}

function auto(host: HostFacts): { name: EngineName; because: string } {
  const [first] = host.gpus;
  if (first === undefined) {
    const reason = host.gpuProblem ?? 'this host has no NVIDIA GPU';
    return { name: 'sim', because: `${reason}: answers are simulated (--engine chooses another)` };
  }
  if (host.python?.sglangVersion !== undefined) {
    const { folder, dynamoVersion, sglangVersion } = host.python;
    return {
      name: 'sglang',
      because: `${host.gpus.length} × ${first.name}, Dynamo ${dynamoVersion} with SGLang ${sglangVersion} in ${folder}`,
    };
  }
  throw new DynamoError(
    'environment',
    `This host has ${host.gpus.length} × ${first.name}, but no SGLang for them.`,
    {
      details: [
        'Two ways on:',
        '  dynamo setup --engine sglang    install NVIDIA Dynamo with SGLang',
        '  --engine sim                    run the embedded engine: simulated answers, no GPU used',
      ],
      hint: 'dynamo setup --engine sglang',
    },
  );
}

function notBuiltYet(name: EngineName, because: string): DynamoError {
  return new DynamoError(
    'environment',
    `This version of dynamo cannot start the engine ${name} yet (${because}).`,
    {
      hint: 'add --engine sim to run the embedded engine: simulated answers, no GPU used',
    },
  );
}
