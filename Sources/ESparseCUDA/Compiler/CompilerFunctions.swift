// NVRTC's functions, looked up once, and texts in the form they take.

import CESparseCUDA

/// Functions of libnvrtc.
@safe struct CompilerFunctions {
    let getErrorString: esparse_nvrtcGetErrorString
    let version: esparse_nvrtcVersion
    let getArchitectureCount: esparse_nvrtcGetNumSupportedArchs
    let getArchitectures: esparse_nvrtcGetSupportedArchs
    let createProgram: esparse_nvrtcCreateProgram
    let destroyProgram: esparse_nvrtcDestroyProgram
    let compileProgram: esparse_nvrtcCompileProgram
    let getLogSize: esparse_nvrtcGetProgramLogSize
    let getLog: esparse_nvrtcGetProgramLog
    let getCodeSize: esparse_nvrtcGetCUBINSize
    let getCode: esparse_nvrtcGetCUBIN

    /// Looks all of them up.
    ///
    /// - Throws: `CUDAError.symbolMissing`.
    init(_ library: DynamicLibrary) throws(CUDAError) {
        unsafe getErrorString = try library.function("nvrtcGetErrorString")
        unsafe version = try library.function("nvrtcVersion")
        unsafe getArchitectureCount = try library.function("nvrtcGetNumSupportedArchs")
        unsafe getArchitectures = try library.function("nvrtcGetSupportedArchs")
        unsafe createProgram = try library.function("nvrtcCreateProgram")
        unsafe destroyProgram = try library.function("nvrtcDestroyProgram")
        unsafe compileProgram = try library.function("nvrtcCompileProgram")
        unsafe getLogSize = try library.function("nvrtcGetProgramLogSize")
        unsafe getLog = try library.function("nvrtcGetProgramLog")
        unsafe getCodeSize = try library.function("nvrtcGetCUBINSize")
        unsafe getCode = try library.function("nvrtcGetCUBIN")
    }
}

/// Texts as an array of C strings.
struct CStrings {
    private let bytes: [UInt8]
    private let starts: [Int]

    /// Copies texts; none may hold a zero.
    init(_ texts: [String]) {
        var bytes: [UInt8] = []
        var starts: [Int] = []
        for text in texts {
            starts.append(bytes.count)
            bytes += Array(text.utf8) + [0]
        }
        self.bytes = bytes
        self.starts = starts
    }

    /// Calls `body` with the strings, which live as long as the call.
    func withPointers<Result>(_ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result) -> Result {
        unsafe bytes.withUnsafeBytes { bytes in
            let base = bytes.baseAddress
            let pointers = unsafe starts.map { start in
                unsafe base.map { unsafe ($0 + start).assumingMemoryBound(to: CChar.self) }
            }
            return unsafe pointers.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
        }
    }
}
