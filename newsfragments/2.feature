A Twisted daemon serves OpenAI Chat, Responses, Claude and Gemini clients over a pool of the operator's own credentials, from an existing ``config.yaml`` or with none at all.
