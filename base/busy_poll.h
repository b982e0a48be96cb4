#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>

#include "base/background_work.h"

namespace yardmaster {

/// Runs the context's handlers on this thread until it is stopped or has no more work, as run()
/// does. But where the last handler that it slept for had come and was done within `longest`, the
/// thread asks for more that long before it sleeps, as KVM's halt polling does: a thread that
/// sleeps is woken late, by tens of microseconds where the processor is a virtual one. In between
/// it yields the processor to whoever else can run. Where work comes seldom it sleeps at once, and
/// so it does while there is background work. 0 is run().
void run_with_busy_poll(boost::asio::io_context& io, std::chrono::microseconds longest,
                        const BackgroundWork& background);

}  // namespace yardmaster
