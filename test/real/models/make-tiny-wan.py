"""Makes a small Wan text-to-video pipeline with random weights for the video worker. CUDA needs heads of a multiple of 8; 32 or more would need FlashAttention 3.

Run with the Python of an environment that holds sglang[diffusion]: python make-tiny-wan.py OUT_DIR
"""
import pathlib
import sys
import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

torch.manual_seed(0)
here = pathlib.Path(__file__).parent
tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(here / "tiny-gpt2" / "tokenizer.json"), eos_token="<|eos|>", pad_token="<|pad|>", model_max_length=512)
text_encoder = UMT5EncoderModel(UMT5Config(vocab_size=2048, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, relative_attention_num_buckets=8, dropout_rate=0.0, eos_token_id=1, pad_token_id=0))
transformer = WanTransformer3DModel(patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=24, in_channels=16, out_channels=16, text_dim=32, freq_dim=256, ffn_dim=32,
                                    num_layers=2, cross_attn_norm=True, qk_norm="rms_norm_across_heads", rope_max_seq_len=32)
vae = AutoencoderKLWan(base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True])
scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=3.0)
WanPipeline(tokenizer=tokenizer, text_encoder=text_encoder, transformer=transformer, vae=vae, scheduler=scheduler).save_pretrained(sys.argv[1], safe_serialization=True)
