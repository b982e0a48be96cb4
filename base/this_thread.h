#pragma once

namespace yardmaster {

/// Names the calling thread for those who look at the process from outside (top -H, perf, a
/// debugger): at most 15 characters.
void name_this_thread(const char* name);

/// Makes the calling thread so nice (19: as nice as can be), and says whether it could: it may be
/// nicer already, and not be let back.
bool be_nice(int niceness);

/// For threads that requests wait for, of short turns: asks the scheduler for slices of a tenth of
/// a millisecond, so that the calling thread runs at once when it wakes, where another program has
/// the processor, and not when that one's slice of some milliseconds is over. It gets no more of
/// the processor by that. Threads that it starts have usual slices. Linux 6.12 and later;
/// elsewhere, and where the system refuses it, nothing changes.
void ask_for_short_slices();

}  // namespace yardmaster
