// Loads everything of NVIDIA's that a run needs.

/// The driver and the libraries, loaded.
package struct CUDAToolkit: Sendable {
    /// The driver.
    package let driver: CUDADriver
    /// The compiler of our kernels.
    package let compiler: CUDACompiler
    /// Dense products.
    package let dense: CUDADenseLibrary
    /// 2:4 products, or why there are none: then 2:4 weights of many tokens run as dense ones.
    package let sparse: Result<CUDASparseLibrary, CUDAError>

    /// Loads all of them.
    ///
    /// - Throws: `CUDAError` for the first of driver, NVRTC and cuBLASLt that is not usable.
    package static func load(_ search: LibrarySearch = LibrarySearch()) throws(CUDAError) -> CUDAToolkit {
        let driver = try CUDADriver.load(search)
        return CUDAToolkit(
            driver: driver, compiler: try .load(search, driver: driver.version),
            dense: try .load(search, driver: driver.version),
            sparse: Result { () throws(CUDAError) in try .load(search) })
    }

    /// Keeps the libraries in memory until the process ends, because a backend's work may run on threads that outlive it.
    func keepLoaded() {
        let libraries = [driver.path, compiler.path, dense.path] + ((try? sparse.get()).map { [$0.path] } ?? [])
        for path in libraries { DynamicLibrary.keepLoaded(path) }
    }
}
