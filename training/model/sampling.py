"""Answers that the model draws itself."""
import torch
import torch.nn.functional as F

from packs import PREFIX_LENGTH, attention_mask
from tokens import END

SEEN, HIDDEN = 0.0, -1e4


@torch.no_grad()
def sample_answers(language, batch, rows, most, seed, temperature=1.0):
    """One answer to the one question of every sequence: [B] lists of token ids without the end token, None where the
    answer was not at its end after `most` tokens.

    batch: of `collate`, its texts end where the answer begins; rows [B, rows, width]: the image tokens. The same seed
    draws the same answers; temperature 0 takes the likeliest token every time.
    """
    ids, device = batch["ids"], rows.device
    embedded = language.model.embed_tokens(ids)
    x = torch.cat([embedded[:, :PREFIX_LENGTH], rows.to(embedded.dtype), embedded[:, PREFIX_LENGTH + batch["row_count"]:]], 1)
    caches = [{} for _ in language.model.layers]
    hidden = language.hidden(x, batch["positions"], attention_mask(batch["segments"]), caches)
    every, places = torch.arange(len(ids), device=device), torch.arange(ids.shape[1], device=device)
    last = torch.where(batch["segments"] > 0, places, 0).argmax(1)
    position = batch["positions"][every, last]
    # A drawn token sees the shared part, its question and all tokens drawn before it; padding stays hidden.
    mask = torch.where(batch["segments"] < 0, HIDDEN, SEEN)[:, None, None]
    generator = torch.Generator(device).manual_seed(seed)
    hidden, drawn = hidden[every, last], []
    ended = torch.zeros(len(ids), dtype=torch.bool, device=device)
    for _ in range(most):
        token = draw(language.lm_head(hidden).float(), temperature, generator)
        drawn.append(token)
        ended |= token == END
        if bool(ended.all()):
            break
        position = position + 1
        mask = F.pad(mask, (0, 1), value=SEEN)
        hidden = language.hidden(language.model.embed_tokens(token)[:, None], position[:, None], mask, caches)[:, 0]
    return [cut(answer) for answer in torch.stack(drawn, 1).tolist()]


def draw(logits, temperature, generator):
    """Token ids [B] from logits [B, vocabulary]."""
    if temperature == 0:
        return logits.argmax(-1)
    return torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[:, 0]


def cut(answer):
    return answer[:answer.index(END)] if END in answer else None
