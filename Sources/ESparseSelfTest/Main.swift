// `esparse-selftest`: checks a GPU, its driver and NVIDIA's libraries on the spot, operation by operation.
//
// Exit code 0: every operation agrees; 1: one does not; 2: nothing was checked, because there is no GPU or a library is missing.

import ESparseCUDA
import ESparseDeviceChecks

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@main
enum Main {
    private static let usage = """
        usage: esparse-selftest [--device N] [--quick]
          Runs every operation on a CUDA device and holds the results against plain arithmetic on the processor.
          --device N   number of the device; 0 where not given
          --quick      small sizes only
          Exit code 0: all agree; 1: some do not; 2: nothing could be checked.
        """

    static func main() {
        var index = 0
        var isQuick = false
        var arguments = CommandLine.arguments.dropFirst()
        while let argument = arguments.popFirst() {
            switch argument {
            case "--quick": isQuick = true
            case "--device":
                guard let value = arguments.popFirst().flatMap({ UInt16($0) }) else {
                    return refuse("--device needs a number")
                }
                index = Int(value)
            case "--help", "-h":
                print(usage)
                return
            default: return refuse("there is no option \(argument)")
            }
        }
        exit(run(deviceIndex: index, isQuick: isQuick))
    }

    private static func refuse(_ reason: String) {
        complain("Error: \(reason)\n\(usage)\n")
        exit(64)
    }

    private static func complain(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
    }

    private static func run(deviceIndex: Int, isQuick: Bool) -> Int32 {
        var passes = true
        do {
            let toolkit = try CUDAToolkit.load()
            for type in HalfType.allCases {
                let backend = try CUDABackend(deviceIndex: deviceIndex, type: type, toolkit: toolkit)
                if type == HalfType.allCases.first { describe(backend, toolkit) }
                passes = SelfTest(backend: backend, isQuick: isQuick).run() && passes
            }
        } catch {
            complain("Error: nothing could be checked: \(error)\n")
            return 2
        }
        print(passes ? "all operations agree" : "FAILED")
        return passes ? 0 : 1
    }

    private static func describe(_ backend: CUDABackend, _ toolkit: CUDAToolkit) {
        let device = backend.device.properties
        print("\(device.name), compute capability \(device.capability), \(device.memoryBytes >> 20) MiB")
        print(
            "driver for CUDA \(toolkit.driver.version), NVRTC \(toolkit.compiler.version), "
                + "cuBLASLt \(toolkit.dense.version)")
        switch toolkit.sparse {
        case .success(let library): print("cuSPARSELt \(library.version)")
        case .failure: break
        }
        if let limitation = backend.limitation { print("note: \(limitation)") }
    }
}
