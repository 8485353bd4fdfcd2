"""What agents do about a destination's answer that it will not take a request: sentences that types share.

Facts about an agent are those of its page in `docs/agents`. `…_TOLD` is where an agent's output can be told which
answers to try again after, as renderers do.
"""

__all__ = ["COLLECTOR", "FLUENTD", "FLUENTD_TOLD", "FLUENT_BIT", "FLUENT_BIT_HTTP", "TOLD", "VECTOR", "VECTOR_TOLD"]

TOLD = "tries again after 401, 403, 404, 407, 408, 425, 429 and 5xx"

FLUENT_BIT = "tries again whatever the answer is"
FLUENT_BIT_HTTP = "tries again after 408, 429 and 5xx; gives up after another 4xx, with an error in its log"
FLUENTD = "tries again; what is refused for good goes to a backup in the state volume, with a warning in its log"
FLUENTD_TOLD = f"{TOLD}; else it goes to a backup in the state volume"
VECTOR = "tries again after 429 and 5xx; gives up after another 4xx, with an error in its log"
VECTOR_TOLD = f"{TOLD}; gives up after another 4xx"
COLLECTOR = "gives up what is refused for good (400, 401 or 403, say), with an error in its log"
