"""Write a trained run as a Hugging Face llava_next_video checkpoint folder.

  export.py --run RUN --out DIR [--stage prefer]
"""
import argparse
import json
import os

import torch
from safetensors.torch import save_file

from model.llava import Llava
from model.vision import MEAN, STD
from tokenizer_file import CHAT_TEMPLATE, tokenizer_json
from tokens import BEGIN, END, IMAGE, PAD, VIDEO
from views import PINPOINTS

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
IDS = {"bos_token_id": BEGIN, "eos_token_id": END, "pad_token_id": PAD}


def model_config(config):
    vision, text = config["vision_config"], config["text_config"]
    rows = (vision["image_size"] // vision["patch_size"]) ** 2
    return {
        "architectures": ["LlavaNextVideoForConditionalGeneration"], "model_type": "llava_next_video", "torch_dtype": "float16",
        "image_token_index": IMAGE, "video_token_index": VIDEO, "image_seq_length": rows, "video_seq_length": rows // 4 * 8,
        "image_grid_pinpoints": [list(pair) for pair in PINPOINTS], "use_image_newline_parameter": True,
        "spatial_pool_mode": "average", "spatial_pool_stride": 2, "projector_hidden_act": "gelu",
        "multimodal_projector_bias": True, "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
        "tie_word_embeddings": False, **IDS,
        "text_config": dict(text, model_type="llama", architectures=["LlamaForCausalLM"], hidden_act="silu",
                            head_dim=text["hidden_size"] // text["num_attention_heads"], attention_bias=False, mlp_bias=False,
                            rope_scaling=None, tie_word_embeddings=False, torch_dtype="float16", **IDS),
        "vision_config": dict(vision, model_type="clip_vision_model", hidden_act="quick_gelu", num_channels=3,
                              attention_dropout=0.0, projection_dim=vision["hidden_size"], torch_dtype="float16"),
    }


def preprocessor_config(side, image_processor):
    return {
        "image_processor_type": image_processor, "processor_class": "LlavaNextVideoProcessor", "do_convert_rgb": True,
        "do_resize": True, "size": {"shortest_edge": side}, "resample": 3, "do_center_crop": True,
        "crop_size": {"height": side, "width": side}, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
        "image_mean": list(MEAN), "image_std": list(STD), "do_pad": True,
        "image_grid_pinpoints": [list(pair) for pair in PINPOINTS],
    }


def files(config):
    """{file name: content} of everything but the weights."""
    vision, text = config["vision_config"], config["text_config"]
    side = vision["image_size"]
    return {
        "config.json": model_config(config),
        "tokenizer.json": tokenizer_json(text["vocab_size"]),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", **SPECIAL, "add_bos_token": True, "add_eos_token": False,
            "clean_up_tokenization_spaces": False, "padding_side": "left", "model_max_length": text["max_position_embeddings"],
            "image_token": "<image>", "video_token": "<video>", "processor_class": "LlavaNextVideoProcessor",
            "extra_special_tokens": {"image_token": "<image>", "video_token": "<video>"}, "chat_template": CHAT_TEMPLATE},
        "special_tokens_map.json": SPECIAL,
        "preprocessor_config.json": preprocessor_config(side, "LlavaNextImageProcessor"),
        "video_preprocessor_config.json": preprocessor_config(side, "LlavaNextVideoImageProcessor"),
        "processor_config.json": {"processor_class": "LlavaNextVideoProcessor", "image_token": "<image>", "video_token": "<video>",
                                  "patch_size": vision["patch_size"], "vision_feature_select_strategy": "default",
                                  "num_additional_image_tokens": 1},
        "generation_config.json": {**IDS, "do_sample": False, "max_new_tokens": 512},
    }


def write(model, config, folder):
    os.makedirs(folder, exist_ok=True)
    weights = {name: value.detach().half().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, os.path.join(folder, "model.safetensors"), {"format": "pt"})
    for name, content in files(config).items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--stage", default="prefer", choices=["instruct", "prefer"])
    parser.add_argument("--config", default=os.path.join(here, "configs", "pocket-v1.json"))
    options = parser.parse_args()
    with open(options.config, encoding="utf-8") as file:
        config = json.load(file)
    model = Llava(config)
    saved = torch.load(os.path.join(options.run, options.stage + ".pt"), map_location="cpu")
    model.load_state_dict(saved["stage"]["model"])
    write(model, config, options.out)
    print("wrote %s: %d parameters" % (options.out, sum(p.numel() for p in model.parameters())))


if __name__ == "__main__":
    main()
