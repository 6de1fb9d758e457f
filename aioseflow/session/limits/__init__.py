"""How many requests may be in flight, and when the next may be sent: the control of one account's load.

The plant is a panel of unknown make. It may have a *capacity* (a number of requests at once; more are
refused), a *rate* (a token bucket filled with so many a second; more are refused), or a *silent queue*
(nothing is refused, answers get slow). Any of them may change, and some refusals have nothing to do with
the load. The controller sees each request when it is sent and when it ends, and sets two outputs, which the
gate keeps: `value`, the limit of requests in flight, and `not_before`, the earliest time of the next
request. Without a history it works like TCP: it fills the panel quickly, and then holds the load at a set
point of refusals.

**Measured** for each request: the number in flight when it was sent; the time until its end; the kind of
its end (answered, refused with or without a wait, timed out). Shares and times are smoothed by EWMA
(exponentially weighted moving averages). The *dead time* is the EWMA of the time from sending to refusal.

**Limit in flight** (`adaptive`): additive increase, subtractive decrease.
- *Increase*: each answer adds the gain (slots per answer), but only while the limit binds (anti-windup).
  The gain is scheduled: 1.25 until the first refusal (slow start: times 2.25 per round trip), then between
  0.013 and 0.25. It doubles when more than a slot was gained without a refusal, at most once per 3.3 dead
  times.
- *Decrease*: each refusal takes one slot, so the loop settles where the share of refused requests is about
  the gain. The steady gain of 0.013 is the set point: 1.3 % of the requests are refused for the sake of
  knowing.
- *Hysteresis*: refusals of requests sent before the first cut are one episode, which takes 40 % at most.
  Above 40 % refused the capacity has dropped, and a refusal takes 5 % of the limit instead of one slot.
- *Proven limit*: the highest limit that was reached. Below 75 % of it the gain may rise to 1 (doubling per
  round trip), below 30 % it rises by 4 instead of 2. A refusal during such a rise makes the limit of now
  the proven one.
- *Time-outs* are multiplicative: half the limit, once for all requests under way, unless they are few
  (under a tenth of the requests) and answers are as quick as before.
- *Outage*: when more than 60 % are refused at under 15 % of the former load, no limit would help. Once
  answers come in a row, the limit returns to half of what was carried before.
- *Waits*: `retry_after` holds everything. Afterwards the slots are filled over one answer time, not at
  once.

**Request rate** (`rate`): refusals with nothing else in flight cannot come from a capacity; three of them,
or three weaker signs (a wait that was asked for, a refusal at a number in flight that was always accepted),
start the rate controller. Between two refusals the bucket was empty at both ends, so *accepted / time* is
the rate, without any search. It is kept by pacing (`not_before`), and probed upwards after each window of
12 answers without a refusal, by 1 % doubling to 20 %. Near the rate that was last refused (dead band 0.9 to
1.2) the window grows with the wait that a refusal costs. A rate on weak signs is on trial: if less than 90
% of the former throughput gets through in 64 answers, it is dropped. It is dropped, too, when refusals go
on far below it, when more than 15 % of the paced requests are refused, when nothing was accepted at all for
six refusals (an outage), and when it no longer binds. A rate that was a mistake needs more evidence the
next time (back-off of the detector).

**Noise** (`noise`): a broken worker that refuses 3 % of everything would pull the limit down to 1. The fall
is the experiment: if the limit has halved and under 12 % were refused meanwhile, refusals do not depend on
the load. The limit goes back, and refusals up to that noise floor are forgiven; the floor decays with 512
requests.

**Silent queue** (`latency`): time in a queue is proportional to the number in flight, work is not. The base
is the answer time of the first six requests with at most six in flight. When a window of answers (16 to 64)
takes 2.5 times the base, the limit is lowered for one window: if the answer time falls with it (threshold:
half way), it was a queue, and the limit is lowered until 1.43 times the base is met, and capped there.
Otherwise it was work, and the base is raised by up to 1.5. At the cap one window of five tries 1.3 times
the limit; up to 1.15 times the base the cap is lifted.

Each constant is defined, with unit and reason, in the module that uses it. ``python -m
benchmarks.overload`` shows what the numbers are worth: it compares the goodput with the best fixed limit,
on panels that differ in every way.
"""
