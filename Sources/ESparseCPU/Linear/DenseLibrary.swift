// Refuses a oneDNN whose products would not stay on the thread that calls.

internal import CESparseDNNL

/// The library of dense matrix products.
package enum DenseLibrary {
    /// Checks the library that is loaded.
    ///
    /// - Throws: `KernelError.denseLibrary` when it runs on threads of its own and their number cannot be set to one.
    package static func check() throws(KernelError) {
        try unsafe check(esparse_dnnl_loaded_refusal())
    }

    /// Checks a kind of build: oneDNN's number of the runtime (1 sequential, 2 OpenMP, 4 oneTBB, 8 thread pool), and
    /// whether the number of OpenMP's threads can be set.
    package static func check(runtime: UInt32, hasOpenMP: Bool) throws(KernelError) {
        try unsafe check(esparse_dnnl_refusal(runtime, hasOpenMP ? 1 : 0))
    }

    private static func check(_ refusal: UnsafePointer<CChar>?) throws(KernelError) {
        if let refusal = unsafe refusal { throw .denseLibrary(runtime: unsafe String(cString: refusal)) }
    }
}
