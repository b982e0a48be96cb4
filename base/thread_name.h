#pragma once

namespace yardmaster {

/// Names the calling thread for those who look at the process from outside (top -H, perf, a
/// debugger): at most 15 characters.
void name_this_thread(const char* name);

}  // namespace yardmaster
