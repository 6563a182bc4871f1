// Kernel choices of a device on disk.

import ESparseCUDA
import ESparseCore
import ESparseFormats
import ESparseRuntime
import FoundationEssentials
import Testing

@Suite struct DeviceProfileTests {
    private let traits = CUDALinearTraits(rows: 64, columns: 32, pattern: .twoOfFour, compresses: true)

    private let file = ProfileFile.device("a GPU", type: .float16)

    private func profile() throws -> KernelProfile<CUDALinearTraits> {
        var profile = KernelProfile<CUDALinearTraits>()
        let algorithm = SparseAlgorithm(identifier: 3, splitCount: 1, splitMode: 0, splitBuffers: 0)
        try profile.set(
            TokenClass.bounds.map {
                $0 <= 16
                    ? KernelChoice(CUDALinearKernel.fewTokens.name)
                    : KernelChoice(CUDALinearKernel.sparseLibrary.name, parameter: algorithm)
            }, for: traits)
        return profile
    }

    @Test func whatIsWrittenIsRead() throws {
        let bytes = file.bytes(of: try profile())
        #expect(try file.parse(bytes, path: "p") == profile())
        for other in [
            ProfileFile.device("another GPU", type: .float16), ProfileFile.device("a GPU", type: .bfloat16),
        ] {
            #expect(throws: ProfileError.otherDevice(path: "p")) { try other.parse(bytes, path: "p") }
        }
        #expect(file.bytes(of: try profile()) == bytes)
    }

    /// A file as Foundation's encoder wrote it: members in any order, algorithms beside their kernels.
    @Test func filesOfEarlierBuildsAreRead() throws {
        let few = "{\"kernel\" : \"few-tokens-cuda\"}"
        let library =
            "{\"algorithm\" : {\"identifier\" : 3, \"splitBuffers\" : 0, \"splitCount\" : 1, \"splitMode\" : 0}, "
            + "\"kernel\" : \"cusparselt\"}"
        let kernels = TokenClass.bounds.map { $0 <= 16 ? few : library }.joined(separator: ", ")
        let text = """
            {"choices" : [{"kernels" : [\(kernels)], "traits" : {"columns" : 32, "compresses" : true, "pattern" : "2:4", \
            "rows" : 64}}], "device" : "a GPU", "format" : "esparse-device-profile", "tool_version" : "\(toolVersion)", \
            "type" : "float16", "version" : 1}
            """
        #expect(try file.parse(Array(text.utf8), path: "p") == profile())
    }

    /// Whatever a file says, no kernel runs that cannot, and nothing traps.
    @Test(arguments: [
        ("cusparselt", "cublaslt"), ("few-tokens-cuda", "nothing"), ("\"rows\": 64", "\"rows\": -64"),
        ("\"rows\": 64", "\"rows\": 9"), ("2:4", "1:4"), ("esparse-device-profile", "esparse"), ("{", ""),
    ])
    func damagedProfilesAreRefused(_ old: String, _ new: String) throws {
        let text = String(decoding: file.bytes(of: try profile()), as: UTF8.self)
        #expect(text.contains(old))
        #expect {
            try file.parse(Array(text.replacing(old, with: new).utf8), path: "p")
        } throws: { error in
            if case .damaged(path: "p", reason: _)? = error as? ProfileError { true } else { false }
        }
    }

    @Test func aProfileOfAnotherDeviceIsReplacedAndTold() throws {
        let bytes = ProfileFile.device("another GPU", type: .float16).bytes(of: try profile())
        let path = "\(FileManager.default.temporaryDirectory.path)/esparse-device-\(UInt64.random(in: 0...(.max))).json"
        try FileSystem.writeDurably(bytes, to: path)
        defer { for end in ["", ".lock"] { try? FileManager.default.removeItem(atPath: path + end) } }
        let note = try file.update(path) { _ in }
        #expect(note?.contains("another kind of device") == true)
        #expect(try file.read(path) == KernelProfile())
    }

    @Test func namesTellDevicesAndTypesApart() {
        func path(_ device: String, _ type: HalfType) -> String? {
            ProfileFile.device(device, type: type).cachePath(environment: ["XDG_CACHE_HOME": "/x"])
        }
        #expect(Set([path("a", .float16), path("a", .bfloat16), path("b", .float16)]).count == 3)
        #expect(path("a", .float16)?.hasPrefix("/x/esparse/device-") ?? false)
        #expect(file.cachePath(environment: [:]) == nil)
    }
}
