// The loaded driver: its version and the devices it has.

import CESparseCUDA

/// A compute capability, such as 9.0.
package struct ComputeCapability: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The generation.
    package let major: Int
    /// The variant in a generation.
    package let minor: Int

    /// Puts a capability together.
    package init(major: Int, minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// "9.0"
    package var description: String { "\(major).\(minor)" }
    /// NVRTC's name of it, such as "sm_90".
    package var architecture: String { "sm_\(major)\(minor)" }

    /// The lowest that has 2:4 tensor cores and bfloat16.
    package static let minimum = ComputeCapability(major: 8, minor: 0)

    /// The order of generations.
    package static func < (left: ComputeCapability, right: ComputeCapability) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}

/// What is known about a device without using it.
package struct CUDADeviceProperties: Sendable, Equatable {
    /// The device's number, from 0.
    package let index: Int
    /// Marketing name, such as "NVIDIA H100 80GB HBM3".
    package let name: String
    /// Compute capability.
    package let capability: ComputeCapability
    /// Bytes of memory.
    package let memoryBytes: Int
    /// Streaming multiprocessors.
    package let multiprocessorCount: Int
    /// Most bytes per second between memory and chip, by clock and width of its bus; 0 where the driver does not say.
    package let memoryBytesPerSecond: Double
}

/// The CUDA driver, loaded and initialised.
@safe package final class CUDADriver: @unchecked Sendable {
    /// The file it was loaded from.
    package var path: String { library.path }
    /// The newest CUDA version that it supports.
    package let version: LibraryVersion
    let functions: DriverFunctions
    private let library: DynamicLibrary

    /// Loads and initialises the driver.
    ///
    /// - Throws: `CUDAError` when it is missing, too old or does not start, as without a device.
    package static func load(_ search: LibrarySearch = LibrarySearch()) throws(CUDAError) -> CUDADriver {
        try search.load(.driver) { library throws(CUDAError) in try CUDADriver(library) }
    }

    private init(_ library: DynamicLibrary) throws(CUDAError) {
        self.library = library
        functions = try DriverFunctions(library)
        var number: Int32 = 0
        // Only the version may be asked before the driver is initialised, and a driver that is too old should be reported as
        // such even where it does not start.
        let code = unsafe functions.driverGetVersion(&number)
        version = LibraryVersion(Int(number) / 1000, Int(number) % 1000 / 10, 0)
        try check(code, "tell its version")
        try library.check(version, driver: nil)
        try check(functions.initialize(0), "start")
    }

    /// The devices there are, of whatever capability.
    ///
    /// - Throws: `CUDAError.callFailed`.
    package func devices() throws(CUDAError) -> [CUDADeviceProperties] {
        var count: Int32 = 0
        try check(unsafe functions.deviceGetCount(&count), "count the devices")
        var devices: [CUDADeviceProperties] = []
        for index in 0..<Int(max(count, 0)) { devices.append(try properties(of: index)) }
        return devices
    }

    private func properties(of index: Int) throws(CUDAError) -> CUDADeviceProperties {
        let device = try handle(of: index)
        var name = [CChar](repeating: 0, count: 256)
        try check(unsafe functions.deviceGetName(&name, Int32(name.count - 1), device), "name device \(index)")
        var bytes = 0
        try check(unsafe functions.deviceTotalMem(&bytes, device), "tell the memory of device \(index)")
        let capability = ComputeCapability(
            major: try attribute(esparse_cu_capability_major, of: device),
            minor: try attribute(esparse_cu_capability_minor, of: device))
        // Newer drivers may not report the clock.
        let kilohertz = (try? attribute(esparse_cu_memory_clock_kilohertz, of: device)) ?? 0
        let bits = (try? attribute(esparse_cu_memory_bus_bits, of: device)) ?? 0
        return CUDADeviceProperties(
            index: index, name: String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self),
            capability: capability, memoryBytes: bytes,
            multiprocessorCount: try attribute(esparse_cu_multiprocessor_count, of: device),
            // Two transfers a clock.
            memoryBytesPerSecond: 2 * Double(kilohertz) * 1000 * Double(bits) / 8)
    }

    /// The driver's own number of a device.
    func handle(of index: Int) throws(CUDAError) -> esparse_cu_device {
        var device: esparse_cu_device = 0
        try check(unsafe functions.deviceGet(&device, Int32(index)), "open device \(index)")
        return device
    }

    func attribute<Number: BinaryInteger>(_ number: Number, of device: esparse_cu_device) throws(CUDAError) -> Int {
        var value: Int32 = 0
        try check(
            unsafe functions.deviceGetAttribute(&value, Int32(number), device),
            "tell attribute \(number) of device \(device)")
        return Int(value)
    }

    /// Turns a result into an error with the driver's own words; `operation` fits "cannot …".
    func check(_ code: esparse_cu_result, _ operation: @autoclosure () -> String) throws(CUDAError) {
        guard code != 0 else { return }
        var text: UnsafePointer<CChar>?
        _ = unsafe functions.getErrorString(code, &text)
        let reason = unsafe text.map { unsafe String(cString: $0) } ?? "unknown error"
        throw .callFailed(operation: operation(), library: .driver, code: Int(code), reason: reason)
    }
}
