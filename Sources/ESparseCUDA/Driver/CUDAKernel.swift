// Compiled kernels on a device and how they are started.

import CESparseCUDA
import Synchronization

/// How many blocks of a grid, or threads of a block, there are in each direction.
package struct LaunchSize: Sendable, Equatable {
    /// Along x.
    package let x: Int
    /// Along y.
    package let y: Int
    /// Along z.
    package let z: Int

    /// The most along y, and along z.
    package static let mostAcross = 65_535

    /// At least 1 in each direction; x to 2^31 - 1, y and z to `mostAcross`.
    package init(_ x: Int, _ y: Int = 1, _ z: Int = 1) {
        let across = 1...Self.mostAcross
        precondition(x > 0 && x <= Int(Int32.max) && across.contains(y) && across.contains(z))
        self.x = x
        self.y = y
        self.z = z
    }
}

/// One argument of a kernel, in the C type that the kernel declares.
package enum KernelArgument: Sendable {
    /// A pointer to a slice's first byte; nil is a null pointer.
    case pointer(DeviceSlice?)
    /// `int32_t`
    case int32(Int32)
    /// `int64_t`
    case int64(Int64)
    /// `float`
    case float(Float)
    /// `double`
    case double(Double)

    /// `int32_t` from a count, which must fit.
    package static func count(_ value: Int) -> KernelArgument { .int32(Int32(value)) }

    /// The argument's bytes, from the low end of a word.
    var word: UInt64 {
        switch self {
        case .pointer(let slice): slice?.address ?? 0
        case .int32(let value): UInt64(UInt32(bitPattern: value))
        case .int64(let value): UInt64(bitPattern: value)
        case .float(let value): UInt64(value.bitPattern)
        case .double(let value): value.bitPattern
        }
    }
}

/// Compiled kernels, loaded on a device.
@safe package final class CUDAModule: Sendable {
    let device: CUDADevice
    private nonisolated(unsafe) let module: esparse_cu_module

    /// Loads machine code ("cubin") for the device's architecture.
    ///
    /// - Throws: `CUDAError.callFailed`, also for code that is damaged or for another architecture.
    package init(machineCode: [UInt8], on device: CUDADevice) throws(CUDAError) {
        var module: esparse_cu_module?
        try device.perform("load kernels") {
            unsafe machineCode.withUnsafeBytes {
                unsafe device.driver.functions.moduleLoadData(&module, $0.baseAddress)
            }
        }
        guard let module = unsafe module else { preconditionFailure("a module that was loaded is not null") }
        self.device = device
        unsafe self.module = unsafe module
    }

    deinit {
        device.makeCurrentForRelease()
        _ = unsafe device.driver.functions.moduleUnload(module)
    }

    /// A kernel by its C name.
    ///
    /// - Throws: `CUDAError.callFailed` where there is none.
    package func kernel(_ name: String) throws(CUDAError) -> CUDAKernel {
        var function: esparse_cu_function?
        try device.perform("find the kernel \(name)") {
            unsafe device.driver.functions.moduleGetFunction(&function, module, name)
        }
        guard let function = unsafe function else { preconditionFailure("a kernel that was found is not null") }
        return unsafe CUDAKernel(name: name, module: self, function: function)
    }
}

/// A kernel, ready to start.
@safe package final class CUDAKernel: Sendable {
    /// Its C name.
    package let name: String
    private let module: CUDAModule
    private nonisolated(unsafe) let function: esparse_cu_function
    /// Dynamic shared memory that launches may ask for so far.
    private let sharedLimit = Mutex(48 << 10)

    fileprivate init(name: String, module: CUDAModule, function: esparse_cu_function) {
        self.name = name
        self.module = module
        unsafe self.function = unsafe function
    }

    /// Puts the kernel on the stream. The arguments must be those that its source declares, in number, order and type.
    ///
    /// - Throws: `CUDAError.callFailed` when it cannot start; a fault while it runs shows at the next wait.
    package func launch(
        grid: LaunchSize, block: Int, sharedBytes: Int = 0, _ arguments: [KernelArgument]
    ) throws(CUDAError) {
        let device = module.device
        try device.makeCurrent()
        try allow(sharedBytes: sharedBytes)
        let functions = device.driver.functions
        let code = unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: max(arguments.count, 1)) { words in
            unsafe withUnsafeTemporaryAllocation(
                of: UnsafeMutableRawPointer?.self, capacity: max(arguments.count, 1)
            ) { places in
                for (index, argument) in arguments.enumerated() {
                    unsafe words.initializeElement(at: index, to: argument.word)
                    unsafe places.initializeElement(at: index, to: words.baseAddress.map { unsafe .init($0 + index) })
                }
                return unsafe functions.launchKernel(
                    function, UInt32(grid.x), UInt32(grid.y), UInt32(grid.z), UInt32(block), 1, 1, UInt32(sharedBytes),
                    device.stream, places.baseAddress, nil)
            }
        }
        withExtendedLifetime(arguments) {}
        try device.driver.check(code, "start the kernel \(name)")
    }

    /// A kernel says once that it wants more than 48 KiB of dynamic shared memory.
    private func allow(sharedBytes: Int) throws(CUDAError) {
        let code = sharedLimit.withLock { limit -> esparse_cu_result in
            guard sharedBytes > limit else { return 0 }
            let code = unsafe module.device.driver.functions.functionSetAttribute(
                function, Int32(esparse_cu_function_dynamic_shared_bytes), Int32(sharedBytes))
            if code == 0 { limit = sharedBytes }
            return code
        }
        try module.device.driver.check(code, "give \(sharedBytes) bytes of shared memory to the kernel \(name)")
    }
}
