// The threads that share an operator's loops.
#pragma once

namespace parallax {

// For the calling thread: `threads`, or, if that is 0, one per core. OMP_NUM_THREADS counts as
// `threads`. A number that was not asked for follows what other processes leave free from then on.
void set_operator_threads(int threads);

// Called between pieces of work: takes fewer threads where other processes have become busy, more
// where they have ended. Does nothing before set_operator_threads and where it was given a number.
void adapt_operator_threads();

}  // namespace parallax
