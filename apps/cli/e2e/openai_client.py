"""Asks a served model through the openai package, as people do. Prints what came as JSON."""

import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0)
model = client.models.list().data[0].id
messages = [{"role": "user", "content": "Hello"}]
chat = client.chat.completions.create(
    model=model, messages=messages, max_completion_tokens=8, temperature=0, logprobs=True, top_logprobs=2
)
stream = client.chat.completions.create(
    model=model,
    messages=messages,
    max_tokens=8,
    temperature=0,
    stream=True,
    stream_options={"include_usage": True},
)
pieces = list(stream)
scored = client.completions.create(
    model=model, prompt=[[256, 72, 105], [72]], max_tokens=0, echo=True, logprobs=1
)
refused = {}
for name, ask in {
    "model": lambda: client.completions.create(model="other", prompt="a"),
    "context": lambda: client.completions.create(model=model, prompt="a" * 1020, max_tokens=50),
    "key": lambda: client.with_options(api_key="wrong").models.list(),
}.items():
    try:
        ask()
        refused[name] = None
    except openai.APIStatusError as error:
        refused[name] = [type(error).__name__, error.code]

print(
    json.dumps(
        {
            "chat": chat.choices[0].message.content,
            "tokens": len(chat.choices[0].logprobs.content),
            "streamed": "".join(p.choices[0].delta.content or "" for p in pieces if p.choices),
            "usage": [chat.usage.total_tokens, pieces[-1].usage.total_tokens],
            "scored": [len(choice.logprobs.token_logprobs) for choice in scored.choices],
            "refused": refused,
        }
    )
)
