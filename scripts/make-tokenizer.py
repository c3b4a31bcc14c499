#!/usr/bin/env python3
"""Makes assets/tokenizer/tokenizer.json: a small byte-level BPE.

Needs only `pip install tokenizers`; reads text that ships with Python (its own
standard-library docstrings), so it runs offline and needs no data set.
The result depends on the Python version it reads from; nothing relies on the
exact merges, only on the three special tokens below having ids 0, 1 and 2.
"""
import pathlib
import sysconfig

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).resolve().parent.parent / 'assets' / 'tokenizer'
VOCAB_SIZE = 2048
SPECIAL = ["<|bos|>", "<|eos|>", "<|pad|>"]
SOURCES = ["argparse", "asyncio/streams", "configparser", "json/__init__", "logging/__init__",
           "pathlib", "pydoc_data/topics", "subprocess", "textwrap", "this", "typing"]

stdlib = pathlib.Path(sysconfig.get_paths()["stdlib"])
texts = [p.read_text(encoding="utf-8", errors="ignore")
         for p in (stdlib / f"{s}.py" for s in SOURCES) if p.is_file()]

tok = Tokenizer(models.BPE(unk_token=None, byte_fallback=False))
tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tok.decoder = decoders.ByteLevel()
tok.post_processor = processors.ByteLevel(trim_offsets=False)
tok.train_from_iterator(texts, trainers.BpeTrainer(
    vocab_size=VOCAB_SIZE,
    special_tokens=SPECIAL,
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    show_progress=False,
))
out = HERE / "tokenizer.json"
tok.save(str(out), pretty=False)
print(f"{out.name}: {out.stat().st_size} bytes, vocabulary {tok.get_vocab_size()}")
assert [tok.token_to_id(t) for t in SPECIAL] == [0, 1, 2]
assert tok.decode(tok.encode("Hello, world! äöü 漢字").ids) == "Hello, world! äöü 漢字"
