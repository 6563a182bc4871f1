// Kernel choices of a device on disk, and how tuning chooses.

import ESparseCUDA
import ESparseCore
import ESparseFormats
import ESparseMeasurement
import FoundationEssentials
import Testing

@Suite struct DeviceProfileTests {
    private let traits = CUDALinearTraits(rows: 64, columns: 32, pattern: .twoOfFour, compresses: true)

    private func profile() -> CUDAKernelProfile {
        var profile = CUDAKernelProfile()
        let algorithm = SparseAlgorithm(identifier: 3, splitCount: 1, splitMode: 0, splitBuffers: 0)
        let isSet = profile.set(
            TokenClass.bounds.map {
                $0 <= 16
                    ? CUDAKernelChoice(kernel: .fewTokens)
                    : CUDAKernelChoice(kernel: .sparseLibrary, algorithm: algorithm)
            }, for: traits)
        #expect(isSet)
        return profile
    }

    /// Calls `body` with the path of a file of these bytes.
    private func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.path
        let path = "\(folder)/esparse-device-profile-\(UInt64.random(in: 0...(.max))).json"
        try FileSystem.writeDurably(bytes, to: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    @Test func whatIsWrittenIsRead() throws {
        let bytes = try DeviceProfileFile.bytes(of: profile(), device: "a GPU", type: .float16)
        try withFile(bytes) { path in
            let found = try DeviceProfileFile.read(path, device: "a GPU", type: .float16)
            #expect(found == profile())
            #expect(throws: ProfileError.otherDevice(path: path)) {
                _ = try DeviceProfileFile.read(path, device: "another GPU", type: .float16)
            }
            #expect(throws: ProfileError.otherDevice(path: path)) {
                _ = try DeviceProfileFile.read(path, device: "a GPU", type: .bfloat16)
            }
        }
        let again = try DeviceProfileFile.bytes(of: profile(), device: "a GPU", type: .float16)
        #expect(again == bytes)
    }

    /// Whatever a file says, no kernel runs that cannot, and nothing traps.
    @Test(arguments: [
        ("cusparselt", "cublaslt"), ("few-tokens-cuda", "nothing"), ("\"rows\" : 64", "\"rows\" : -64"),
        ("\"rows\" : 64", "\"rows\" : 9"), ("2:4", "1:4"), ("esparse-device-profile", "esparse"), ("{", ""),
    ])
    func damagedProfilesAreRefused(_ old: String, _ new: String) throws {
        let text = String(
            decoding: try DeviceProfileFile.bytes(of: profile(), device: "a GPU", type: .float16), as: UTF8.self)
        #expect(text.contains(old))
        try withFile(Array(text.replacing(old, with: new).utf8)) { path in
            #expect {
                _ = try DeviceProfileFile.read(path, device: "a GPU", type: .float16)
            } throws: { error in
                if case .damaged(path: path, reason: _)? = error as? ProfileError { true } else { false }
            }
        }
    }

    @Test func aProfileOfAnotherDeviceIsReplacedAndTold() throws {
        let bytes = try DeviceProfileFile.bytes(of: profile(), device: "another GPU", type: .float16)
        try withFile(bytes) { path in
            defer { try? FileManager.default.removeItem(atPath: path + ".lock") }
            let note = try DeviceProfileFile.merge(
                DeviceTuningReport(results: []), device: "a GPU", type: .float16, into: path)
            #expect(note?.contains("another kind of device") == true)
            #expect(try DeviceProfileFile.read(path, device: "a GPU", type: .float16) == CUDAKernelProfile())
        }
    }

    @Test func namesTellDevicesAndTypesApart() {
        func path(_ device: String, _ type: HalfType) -> String? {
            DeviceProfileFile.cachePath(device: device, type: type, environment: ["XDG_CACHE_HOME": "/x"])
        }
        #expect(Set([path("a", .float16), path("a", .bfloat16), path("b", .float16)]).count == 3)
        #expect(path("a", .float16)?.hasPrefix("/x/esparse/device-") ?? false)
        #expect(DeviceProfileFile.cachePath(device: "a", type: .float16, environment: [:]) == nil)
    }

    /// The rules' kernel stays where another is only a little faster.
    @Test func noiseDoesNotChoose() {
        #expect(
            TuningChoice.fastest([.fewTokens: 1, .sparseLibrary: 0.99], preferring: CUDALinearKernel.fewTokens)
                == .fewTokens)
        #expect(
            TuningChoice.fastest([.fewTokens: 1, .sparseLibrary: 0.9], preferring: CUDALinearKernel.fewTokens)
                == .sparseLibrary)
        #expect(
            TuningChoice.fastest([.decompressed: 2, .sparseLibrary: 3], preferring: CUDALinearKernel.fewTokens)
                == .decompressed)
        #expect(TuningChoice.fastest([:], preferring: CUDALinearKernel.fewTokens) == .fewTokens)
    }
}
