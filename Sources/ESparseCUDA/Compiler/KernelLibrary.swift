// The kernels of one device: taken from the cache, or compiled when first asked for, and kept loaded.

import Synchronization

/// The kernels of a device.
package final class KernelLibrary: Sendable {
    private let device: CUDADevice
    private let compiler: CUDACompiler
    private let cache: KernelCache?
    private let modules = Mutex<[KernelSource: CUDAModule]>([:])
    private let kernels = Mutex<[String: CUDAKernel]>([:])

    /// Kernels for `device`; without a cache every run compiles.
    package init(device: CUDADevice, compiler: CUDACompiler, cache: KernelCache? = .standard()) {
        self.device = device
        self.compiler = compiler
        self.cache = cache
    }

    /// A kernel by its C name and the file it is in; the first call for a file compiles it.
    ///
    /// - Throws: `CUDAError`.
    package func kernel(_ name: String, in source: KernelSource) throws(CUDAError) -> CUDAKernel {
        if let kernel = kernels.withLock({ $0[name] }) { return kernel }
        let kernel = try module(source).kernel(name)
        kernels.withLock { $0[name] = kernel }
        return kernel
    }

    /// Compiles and loads every file now, so that no later call has to.
    ///
    /// - Throws: `CUDAError`.
    package func loadAll() throws(CUDAError) {
        for source in KernelSource.allCases { _ = try module(source) }
    }

    private func module(_ source: KernelSource) throws(CUDAError) -> CUDAModule {
        try modules.withLock { modules throws(CUDAError) in
            if let module = modules[source] { return module }
            let module = try load(source)
            modules[source] = module
            return module
        }
    }

    private func load(_ source: KernelSource) throws(CUDAError) -> CUDAModule {
        let architecture = try compiler.architecture(for: device.properties.capability)
        let key = KernelCache.Key(source, architecture: architecture, compiler: compiler.version)
        // Undamaged code from the cache may still be refused, for example by an older driver.
        if let code = cache?.code(for: key), let module = try? CUDAModule(machineCode: code, on: device) {
            return module
        }
        let code = try compiler.compile(source.text, name: source.rawValue, architecture: architecture)
        let module = try CUDAModule(machineCode: code, on: device)
        cache?.keep(code, for: key)
        return module
    }
}
