#!/usr/bin/env python3
# A model's answers in transformers: the reference for `esparse generate --chat --temperature 0`.
"""Print transformers' greedy answer to each question as JSON, {question: answer}, in f32 on a CPU.

    greedy.py MODEL --questions FILE [--max-tokens 48]

MODEL is a Hugging Face folder or a GGUF file. Each line of FILE is a question and begins a chat of its own, rendered by the
model's own chat template.
"""

import argparse
import json
import pathlib

import torch
import transformers

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model", type=pathlib.Path)
parser.add_argument("--questions", type=pathlib.Path, required=True)
parser.add_argument("--max-tokens", type=int, default=48)
options = parser.parse_args()

place = (options.model.parent, {"gguf_file": options.model.name}) if options.model.suffix == ".gguf" else (options.model, {})
tokenizer = transformers.AutoTokenizer.from_pretrained(place[0], **place[1])
model = transformers.AutoModelForCausalLM.from_pretrained(place[0], dtype=torch.float32, **place[1]).eval()
answers = {}
for question in options.questions.read_text(encoding="utf-8").splitlines():
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.inference_mode():
        output = model.generate(**prompt, max_new_tokens=options.max_tokens, do_sample=False)
    answers[question] = tokenizer.decode(output[0, prompt["input_ids"].shape[1]:], skip_special_tokens=True)
print(json.dumps(answers, indent=2, ensure_ascii=False))
