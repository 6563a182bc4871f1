// Compiles CUDA C++ with NVRTC.

import CESparseCUDA

/// NVRTC, loaded.
@safe package final class CUDACompiler: @unchecked Sendable {
    /// The file it was loaded from.
    package var path: String { library.path }
    /// Its version.
    package let version: LibraryVersion
    private let functions: CompilerFunctions
    private let library: DynamicLibrary

    /// Options of every compilation, beside the architecture.
    package static let options = ["--std=c++17"]

    /// Loads NVRTC, in a version that the driver supports where one is given.
    ///
    /// - Throws: `CUDAError` when it is missing or its version is not supported.
    package static func load(
        _ search: LibrarySearch = LibrarySearch(), driver: LibraryVersion? = nil
    ) throws(CUDAError) -> CUDACompiler {
        try search.load(.compiler) { library throws(CUDAError) in try CUDACompiler(library, driver: driver) }
    }

    private init(_ library: DynamicLibrary, driver: LibraryVersion?) throws(CUDAError) {
        self.library = library
        functions = try CompilerFunctions(library)
        var major: Int32 = 0
        var minor: Int32 = 0
        let code = unsafe functions.version(&major, &minor)
        version = LibraryVersion(Int(major), Int(minor), 0)
        try check(code, "tell its version")
        try library.check(version, driver: driver)
    }

    /// The architecture to compile for: the closest one of the device's generation that NVRTC knows and the device runs.
    ///
    /// - Throws: `CUDAError.architectureUnknown` where NVRTC is older than the device.
    package func architecture(for capability: ComputeCapability) throws(CUDAError) -> String {
        var count: Int32 = 0
        try check(unsafe functions.getArchitectureCount(&count), "count its architectures")
        var known = [Int32](repeating: 0, count: Int(max(count, 0)))
        try check(unsafe functions.getArchitectures(&known), "list its architectures")
        let own = known.map { ComputeCapability(major: Int($0) / 10, minor: Int($0) % 10) }
            .filter { $0.major == capability.major && $0 <= capability }
        guard let best = own.max() else { throw .architectureUnknown(capability, compiler: version) }
        return best.architecture
    }

    /// Compiles a source to machine code ("cubin") of one architecture, such as "sm_90".
    ///
    /// - Throws: `CUDAError.compilationFailed` with NVRTC's log, or `callFailed`.
    package func compile(
        _ text: String, name: String, headers: [String: String] = KernelSource.headers, architecture: String
    ) throws(CUDAError) -> [UInt8] {
        let program = try unsafe makeProgram(text, name: name, headers: headers)
        defer {
            var program: esparse_nvrtc_program? = unsafe program
            _ = unsafe functions.destroyProgram(&program)
        }
        let options = ["--gpu-architecture=\(architecture)"] + Self.options
        let code = unsafe CStrings(options).withPointers {
            unsafe functions.compileProgram(program, Int32(options.count), $0)
        }
        guard code == 0 else {
            let log = unsafe log(of: program)
            throw .compilationFailed(file: name, architecture: architecture, log: log.isEmpty ? reason(code) : log)
        }
        var size = 0
        try check(unsafe functions.getCodeSize(program, &size), "tell the size of \(name)")
        // For an architecture that it does not know, NVRTC makes PTX but no machine code.
        guard size > 0 else {
            throw .compilationFailed(file: name, architecture: architecture, log: "there is no machine code for it")
        }
        var bytes = [CChar](repeating: 0, count: size)
        try check(unsafe functions.getCode(program, &bytes), "give the code of \(name)")
        return bytes.map(UInt8.init(bitPattern:))
    }

    private func makeProgram(
        _ text: String, name: String, headers: [String: String]
    ) throws(CUDAError) -> esparse_nvrtc_program {
        let included = headers.sorted { $0.key < $1.key }
        var program: esparse_nvrtc_program?
        let code = unsafe CStrings(included.map(\.value)).withPointers { texts in
            unsafe CStrings(included.map(\.key)).withPointers { names in
                unsafe functions.createProgram(&program, text, name, Int32(included.count), texts, names)
            }
        }
        try check(code, "take \(name)")
        guard let program = unsafe program else { preconditionFailure("a program that was made is not null") }
        return unsafe program
    }

    private func log(of program: esparse_nvrtc_program) -> String {
        var size = 0
        guard unsafe functions.getLogSize(program, &size) == 0, size > 1 else { return "" }
        var text = [CChar](repeating: 0, count: size)
        guard unsafe functions.getLog(program, &text) == 0 else { return "" }
        let log = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return String(log.reversed().drop { $0 == "\n" || $0 == " " }.reversed())
    }

    private func reason(_ code: esparse_nvrtc_result) -> String {
        unsafe functions.getErrorString(code).map { unsafe String(cString: $0) } ?? "unknown error"
    }

    private func check(_ code: esparse_nvrtc_result, _ operation: @autoclosure () -> String) throws(CUDAError) {
        guard code != 0 else { return }
        throw .callFailed(operation: operation(), library: .compiler, code: Int(code), reason: reason(code))
    }
}
