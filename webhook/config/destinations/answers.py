"""What agents do about a destination's answer that it will not take a request: sentences that types share.

Facts about an agent are those of its page in `docs/agents`. `…_TOLD` is where an agent's output can be told which
answers to try again after, as renderers do. A server that is away is tried without end, but by `FLUENT_BIT`.
"""

__all__ = [
    "COLLECTOR",
    "COLLECTOR_BULK",
    "FLUENTD",
    "FLUENTD_TOLD",
    "FLUENT_BIT",
    "FLUENT_BIT_BULK",
    "FLUENT_BIT_HTTP",
    "FLUENT_BIT_LOKI",
    "FLUENT_BIT_OTLP",
    "TOLD",
    "VECTOR",
    "VECTOR_BULK",
    "VECTOR_TOLD",
]

TOLD = "tries again after 401, 403, 404, 407, 408, 425, 429 and 5xx"

FLUENT_BIT = (
    "cannot tell a refusal from a server that is away: tries again for about two hours, then gives up with an error in "
    "its log"
)
FLUENT_BIT_BULK = (
    f"{FLUENT_BIT}, where the answer is too; records refused beside others that are taken, also as too many (429), are "
    "given up at once, without a word"
)
FLUENT_BIT_HTTP = "tries again after 408, 429 and 5xx; gives up after another 4xx, with the answer in its log"
FLUENT_BIT_LOKI = "gives up after 400, with the answer in its log; tries again after anything else"
FLUENT_BIT_OTLP = (
    "tries again after 429, 502, 503 and 504, as OTLP asks for; gives up after any other, with the answer in its log"
)
FLUENTD = "tries again after 429 and 5xx; gives up what is refused for good, with a warning and the reason in its log"
FLUENTD_TOLD = f"{TOLD}; gives up after any other, with the answer in its log"
VECTOR = "tries again after 408, 429 and 5xx; gives up after another 4xx, with an error in its log"
VECTOR_BULK = f"{VECTOR}; of a bulk answer it tries again what was refused with 429 or 5xx"
VECTOR_TOLD = f"{TOLD}; gives up after another 4xx, with an error in its log"
COLLECTOR = (
    "tries again after 429, 502, 503 and 504, as OTLP asks for; gives up after any other, with the number of "
    "records in its log, and the reason where it is said as OTLP says it"
)
COLLECTOR_BULK = (
    "tries again after 429 and 5xx, also of one record of a bulk answer; gives up after any other, with the reason in "
    "its log"
)
