"""A server that stands in for Gemini on Vertex AI: it watches coded clips, answers from truth files, and fails by script.

`python -m stand_ins.vertexai --port 8080 --truth truth.json --storage http://127.0.0.1:4443` (with `tests` on the path), or in a
test `with serving(truth) as stand_in: …`. Both are scripted over HTTP by `Control`.
"""
