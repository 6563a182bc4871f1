// Profiles of kernel choices: round trips, hostile and stale files, and where the cache is.

import ESparseCPU
import ESparseCore
import ESparseFormats
import ESparseMeasurement
import ESparseRuntime
import ESparseTestSupport
import FoundationEssentials
import Synchronization
import Testing

@Suite struct KernelProfileTests {
    private let traits = LinearTraits(
        rows: 8, columns: 16, pattern: .twoOfFour, elementType: .float32, precision: .float32, instructionSet: .plain)

    private func profile() throws -> KernelProfile<LinearTraits> {
        var profile = KernelProfile<LinearTraits>()
        var kernels = [KernelName](repeating: .fewTokens, count: TokenClass.bounds.count)
        kernels[2] = .widenedFloat32
        try profile.set(kernels.map { KernelChoice($0) }, for: traits)
        return profile
    }

    private func text() throws -> String {
        String(decoding: ProfileFile.processor.bytes(of: try profile()), as: UTF8.self)
    }

    @Test func runsThatEndTogetherLoseNothing() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/esparse-profile-\(UInt64.random(in: 0...(.max)))"
        let path = folder + "/esparse/kernels.json"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let backend = try CPUBackend(precision: .float32, threadCount: 1)
        let reports = try (1...8).map { index in
            try KernelTuner(backend: backend, secondsPerPoint: 0, threadCount: 1).run([
                TuningTarget(rows: index, columns: 8, pattern: .twoOfFour, elementType: .float32)
            ])
        }
        let errors = Mutex<[any Error]>([])
        ThreadPool(threadCount: 8).run(count: reports.count) { index in
            do { _ = try ProfileFile.processor.update(path) { try reports[index].merge(into: &$0) } } catch {
                errors.withLock { $0.append(error) }
            }
        }
        let failures = errors.withLock { $0.count }
        #expect(failures == 0)
        let profile = try ProfileFile.processor.read(path)
        #expect(Set(profile.choices.keys.map(\.rows)) == Set(1...8))
        #expect(try ProfileFile.processor.load(.file(path)).profile == profile)
        #expect(try FileSystem.names(in: FileSystem.parent(of: path)) == ["kernels.json", "kernels.json.lock"])
    }

    @Test func aSmallChangeToASoundProfileIsFound() throws {
        let sound = try text()
        #expect(try ProfileFile.processor.parse(Array(sound.utf8), path: "p") == profile())
        let changes: [(from: String, to: String, says: String)] = [
            ("\"rows\": 8", "\"rows\": 0", "no sparse linear"),
            ("\"rows\": 8", "\"rows\": -8", "no sparse linear"),
            ("\"rows\": 8", "\"rows\": 8.5", "no sparse linear"),
            ("\"columns\": 16", "\"columns\": 15", "no sparse linear"),
            ("\"2:4\"", "\"4:2\"", "no sparse linear"),
            ("\"F32\"", "\"I32\"", "no sparse linear"),
            ("\"plain\"", "\"neon9\"", "no sparse linear"),
            ("\"few-tokens\"", "\"warp\"", "one kernel a class"),
            ("\"up_to_tokens\": 48", "\"up_to_tokens\": 47", "one kernel a class"),
            // These would read beyond packed weights.
            ("\"widen+onednn-f32\"", "\"onednn-f32\"", "cannot run"),
            ("\"widen+onednn-f32\"", "\"onednn-bf16\"", "cannot run"),
            ("\"widen+onednn-f32\"", "\"expand+onednn-bf16\"", "cannot run"),
            ("esparse-kernel-profile", "other", "format"),
            ("\"version\": 1", "\"version\": 2", "another version"),
            (toolVersion, "0.0.0", "another version"),
            (Processor.name, "abacus", "another kind of processor"),
            ("\"choices\"", "\"voices\"", "choices"),
            ("{", "", "damaged"),
        ]
        for change in changes {
            let text = sound.replacing(change.from, with: change.to, maxReplacements: 1)
            #expect(text != sound)
            #expect {
                try ProfileFile.processor.parse(Array(text.utf8), path: "p")
            } throws: { error in
                error is ProfileError && "\(error)".contains(change.says)
            }
        }
    }

    @Test func aRepeatedLinearIsRefused() throws {
        let bytes = ProfileFile.processor.bytes(of: try profile())
        let root = try JSONParser.parse(bytes)
        let entry = try #require(root["choices"]?.array?.first)
        let members = try #require(root.members).map { member in
            member.name == "choices" ? JSONValue.Member(key: member.key, value: .array([entry, entry])) : member
        }
        let text = JSONValue.object(members).serialized(indented: true)
        #expect(throws: ProfileError.self) { try ProfileFile.processor.parse(text, path: "p") }
    }

    @Test func mutatedProfilesNeverCrash() throws {
        let seeds = [ProfileFile.processor.bytes(of: try profile())]
        let counts = Fuzz(seeds: seeds, stream: 32, iterations: 5000).run { bytes in
            _ = try ProfileFile.processor.parse(bytes, path: "p")
        }
        #expect(counts.refused > 1000)
    }

    @Test func theCacheFolderFollowsTheSpecification() {
        let xdg = ProfileFile.processor.cachePath(environment: ["XDG_CACHE_HOME": "/x", "HOME": "/h"])
        #expect(xdg?.hasPrefix("/x/esparse/kernels-") == true)
        let relative = ProfileFile.processor.cachePath(environment: ["XDG_CACHE_HOME": "x", "HOME": "/h"])
        #expect(relative?.hasPrefix("/h/.cache/esparse/kernels-") == true)
        #expect(ProfileFile.processor.cachePath(environment: [:]) == nil)
    }

    @Test func theRuleIsKeptUnlessAnotherKernelIsClearlyFaster() {
        let (few, many, other) = (KernelName("few"), KernelName("many"), KernelName("other"))
        let close = [few: 1.01, many: 1]
        #expect(TuningChoice.fastest(close, preferring: few) == few)
        #expect(TuningChoice.fastest(close, preferring: other) == many)
        let clear = [few: 1.1, many: 1]
        #expect(TuningChoice.fastest(clear, preferring: few) == many)
        #expect(TuningChoice.fastest([:], preferring: few) == few)
    }

    @Test func tuningGivesAProfileOfItsTargets() throws {
        let backend = try CPUBackend(precision: .float32, threadCount: 2)
        let target = TuningTarget(rows: 16, columns: 32, pattern: .twoOfFour, elementType: .bfloat16)
        let report = try KernelTuner(backend: backend, secondsPerPoint: 0.0001, threadCount: 2).run([target])
        var profile = KernelProfile<LinearTraits>()
        try report.merge(into: &profile)
        let kind = try #require(profile.choices.keys.first)
        #expect(profile.choices.count == 1 && kind.rows == 16 && kind.columns == 32 && kind.elementType == .bfloat16)
        #expect(kind.instructionSet == backend.instructionSet && kind.precision == .float32)
    }
}
