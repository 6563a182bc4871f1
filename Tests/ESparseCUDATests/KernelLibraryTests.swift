// Kernels: their embedded sources, what NVRTC is given, and what the cache keeps.

import ESparseCUDA
import ESparseFormats
import FoundationEssentials
import Testing

@Suite struct KernelSourceTests {
    private static let folder =
        "\(#filePath.dropLast("Tests/ESparseCUDATests/KernelLibraryTests.swift".count))Sources/ESparseCUDA/Kernels"

    @Test func everyFileIsInTheProgramAsItLies() throws {
        let names = try FileSystem.names(in: Self.folder)
        let embedded = (0...).lazy.map(KernelSource.fileName).prefix { $0 != nil }.compactMap { $0 }
        #expect(Array(embedded) == names)
        #expect(
            KernelSource.allCases.map(\.rawValue) + KernelSource.headers.keys.sorted()
                == names.sorted { first, second in
                    (first.hasSuffix("h") ? 1 : 0, first) < (second.hasSuffix("h") ? 1 : 0, second)
                })
        for source in KernelSource.allCases {
            #expect(try Array(source.text.utf8) == FileSystem.read("\(Self.folder)/\(source.rawValue)"))
        }
        for (name, text) in KernelSource.headers {
            #expect(try Array(text.utf8) == FileSystem.read("\(Self.folder)/\(name)"))
        }
    }

    @Test func digestsAreFNV() {
        // Test vectors of the FNV reference code, 128 bits, 1a.
        #expect(KernelDigest().text == "6c62272e07bb014262b821756295c58d")
        #expect(KernelDigest("a".utf8).text == "d228cb696f1a8caf78912b704e4a8964")
        #expect(KernelDigest("foobar".utf8).text == "343e1662793c64bf6f0d3597ba446f18")
        #expect(KernelDigest([0x01]).text.count == 32)
    }
}

@Suite struct CompilerTests {
    @Test func nvrtcIsGivenSourceHeadersAndOptions() throws {
        let machine = try FakeMachine()
        let compiler = try CUDACompiler.load(machine.search)
        let code = try compiler.compile(
            KernelSource.elements.text, name: "elements.cu", architecture: "sm_90")
        #expect(String(decoding: code, as: UTF8.self) == "code for elements.cu of sm_90")
        #expect(machine.compiler["source bytes"] == KernelSource.elements.text.utf8.count)
        #expect(machine.compiler.text("given") == "common.cuh (long) --gpu-architecture=sm_90 --std=c++17 ")
        #expect(machine.compiler["programs"] == 0)
    }

    @Test func theNearestArchitectureOfTheGenerationIsChosen() throws {
        let machine = try FakeMachine()
        let compiler = try CUDACompiler.load(machine.search)
        let expected = [(8, 0, "sm_80"), (8, 6, "sm_86"), (8, 9, "sm_86"), (9, 0, "sm_90"), (10, 3, "sm_100")]
        for (major, minor, name) in expected {
            #expect(try compiler.architecture(for: ComputeCapability(major: major, minor: minor)) == name)
        }
        let error = #expect(throws: CUDAError.self) {
            try compiler.architecture(for: ComputeCapability(major: 12, minor: 0))
        }
        #expect(
            error?.description
                == "NVRTC 12.9.0 knows no architecture for compute capability 12.0; install a newer NVRTC")
    }

    @Test(arguments: [
        ("nvrtcCreateProgram", "NVRTC cannot take x.cu: NVRTC_ERROR_OF_SOME_KIND (code 5)"),
        (
            "nvrtcCompileProgram",
            "NVRTC cannot compile x.cu for sm_80: elements.cu(3): error: expected a \";\""
        ),
        ("nvrtcGetCUBINSize", "NVRTC cannot tell the size of x.cu: NVRTC_ERROR_OF_SOME_KIND (code 5)"),
        ("nvrtcGetCUBIN", "NVRTC cannot give the code of x.cu: NVRTC_ERROR_OF_SOME_KIND (code 5)"),
        ("no code", "NVRTC cannot compile x.cu for sm_80: there is no machine code for it"),
    ])
    func whatFailsIsSaidAndLeavesNothing(_ function: String, _ sentence: String) throws {
        let machine = try FakeMachine()
        let compiler = try CUDACompiler.load(machine.search)
        machine.compiler.fail(function, 5)
        machine.compiler["no code"] = function == "no code" ? 1 : 0
        let error = #expect(throws: CUDAError.self) {
            try compiler.compile("x", name: "x.cu", architecture: "sm_80")
        }
        #expect(error?.description == sentence)
        #expect(machine.compiler["programs"] == 0)
        machine.compiler.fail("nvrtcGetProgramLogSize", 5)
        if function == "nvrtcCompileProgram" {
            let silent = #expect(throws: CUDAError.self) {
                try compiler.compile("x", name: "x.cu", architecture: "sm_80")
            }
            #expect(silent?.description == "NVRTC cannot compile x.cu for sm_80: NVRTC_ERROR_OF_SOME_KIND")
        }
    }
}

/// NVIDIA's own libraries, where this machine has them; they load without a GPU.
private enum RealLibraries {
    static let compiler = try? CUDACompiler.load()
    static let dense = try? CUDADenseLibrary.load()
}

@Suite struct RealLibraryTests {
    @Test(.enabled(if: RealLibraries.compiler != nil, "NVRTC is not at hand"))
    func nvrtcCompilesWhatTheProgramCarries() throws {
        let compiler = try #require(RealLibraries.compiler)
        let architecture = try compiler.architecture(for: .minimum)
        #expect(architecture == "sm_80")
        let source = KernelSource.normalization
        let code = try compiler.compile(source.text, name: source.rawValue, architecture: architecture)
        // An ELF file that names its kernels.
        #expect(code.prefix(4).elementsEqual([0x7f, 0x45, 0x4c, 0x46]))
        #expect(String(decoding: code, as: UTF8.self).contains("esparse_rms_norm_bfloat16"))
        let error = #expect(throws: CUDAError.self) {
            try compiler.compile("int f( {", name: "wrong.cu", architecture: architecture)
        }
        #expect(error?.description.hasPrefix("NVRTC cannot compile wrong.cu for sm_80: wrong.cu(1): error: ") == true)
    }

    @Test(.enabled(if: RealLibraries.dense != nil, "cuBLASLt is not at hand"))
    func cuBLASLtTakesOurDescriptors() throws {
        let library = try #require(RealLibraries.dense)
        let shape = DenseProductShape(
            tokens: 3, rows: 16, columns: 32, type: .bfloat16, output: .float32, hasBias: true, outputStride: 64)
        try DenseDescriptors(shape.layout, library).setBias(4096)
        _ = try DenseDescriptors(GramProductShape(tokens: 3, channels: 16, operand: .float32).layout, library)
    }
}

@Suite struct KernelCacheTests {
    private func library(_ machine: FakeMachine, _ cache: KernelCache?) throws -> KernelLibrary {
        try KernelLibrary(device: machine.device(), compiler: .load(machine.search), cache: cache)
    }

    private func compilations(_ machine: FakeMachine) -> Int { machine.compiler.count("nvrtcCompileProgram") }

    @Test func onlyTheFirstRunCompiles() throws {
        let machine = try FakeMachine()
        let cache = KernelCache(folder: machine.folder.path + "/a/b/cuda")
        let first = try library(machine, cache)
        #expect(compilations(machine) == 0)
        let kernel = try first.kernel("esparse_rows", in: .elements)
        #expect(try first.kernel("esparse_rows", in: .elements) === kernel && kernel.name == "esparse_rows")
        _ = try first.kernel("esparse_round_bfloat16", in: .elements)
        #expect(compilations(machine) == 1 && machine.driver["modules"] == 1)
        try first.loadAll()
        #expect(compilations(machine) == KernelSource.allCases.count)
        try library(machine, cache).loadAll()
        #expect(compilations(machine) == KernelSource.allCases.count)
        let names = try FileSystem.names(in: cache.folder)
        #expect(names.count == KernelSource.allCases.count)
        #expect(names[4].hasPrefix("elements.cu-sm_90-") && names.allSatisfy { $0.hasSuffix(".cubin") })
        try library(machine, nil).loadAll()
        #expect(compilations(machine) == 2 * KernelSource.allCases.count)
    }

    @Test func anotherCompilerOrArchitectureCompilesAgain() throws {
        let machine = try FakeMachine()
        let cache = KernelCache(folder: machine.folder.path + "/cuda")
        try library(machine, cache).loadAll()
        machine.compiler["minor"] = 8
        try library(machine, cache).loadAll()
        #expect(compilations(machine) == 2 * KernelSource.allCases.count)
        machine.driver["major"] = 8
        try library(machine, cache).loadAll()
        #expect(compilations(machine) == 3 * KernelSource.allCases.count)
    }

    @Test func keysDependOnEverything() {
        func key(
            _ source: KernelSource = .elements, text: String? = nil, headers: [String: String] = ["a": "b"],
            options: [String] = ["-x"], architecture: String = "sm_80", minor: Int = 9
        ) -> KernelCache.Key {
            KernelCache.Key(
                source, text: text, headers: headers, options: options, architecture: architecture,
                compiler: LibraryVersion(12, minor, 0))
        }
        let keys = [
            key(), key(.positions), key(text: "changed"), key(headers: ["a": "c"]), key(headers: ["ab": ""]),
            key(options: []), key(options: ["-", "x"]), key(architecture: "sm_90"), key(minor: 8),
        ]
        #expect(Set(keys.map(\.fileName)).count == keys.count && key() == key())
    }

    @Test func damagedEntriesAreCompiledAgainAndMended() throws {
        let machine = try FakeMachine()
        let cache = KernelCache(folder: machine.folder.path + "/cuda")
        let key = KernelCache.Key(
            .elements, architecture: "sm_90", compiler: LibraryVersion(12, 9, 0))
        _ = try library(machine, cache).kernel("f", in: .elements)
        let path = "\(cache.folder)/\(key.fileName)"
        let whole = try FileSystem.read(path)
        #expect(cache.code(for: key).map { String(decoding: $0, as: UTF8.self) } == "code for elements.cu of sm_90")
        var flipped = whole
        flipped[flipped.count - 1] ^= 1
        var headless = whole
        headless[3] ^= 1
        let other = KernelCache.Key(.positions, architecture: "sm_90", compiler: LibraryVersion(12, 9, 0))
        cache.keep(Array("code".utf8), for: other)
        let foreign = try FileSystem.read("\(cache.folder)/\(other.fileName)")
        for (count, bytes) in [flipped, headless, foreign, Array(whole.dropLast()), Array(whole.prefix(20)), []]
            .enumerated()
        {
            try FileSystem.writeDurably(bytes, to: path)
            #expect(cache.code(for: key) == nil, "\(count)")
            _ = try library(machine, cache).kernel("f", in: .elements)
            #expect(compilations(machine) == 2 + count)
            #expect(try FileSystem.read(path) == whole)
        }
        // Whole, but refused by the driver.
        cache.keep(Array("junk".utf8), for: key)
        _ = try library(machine, cache).kernel("f", in: .elements)
        #expect(try FileSystem.read(path) == whole)
        #expect(try FileSystem.names(in: cache.folder) == [key.fileName, other.fileName])
    }

    @Test func aFolderThatCannotBeWrittenToIsNoError() throws {
        let machine = try FakeMachine()
        try machine.folder.write("a file", to: "file")
        try library(machine, KernelCache(folder: machine.folder.path + "/file/cuda")).loadAll()
        #expect(compilations(machine) == KernelSource.allCases.count)
    }

    @Test func theFolderIsTheUsersCacheFolder() {
        func folder(_ environment: [String: String]) -> String? {
            KernelCache.standard(environment: environment)?.folder
        }
        #expect(folder(["HOME": "/h"]) == "/h/.cache/esparse/cuda")
        #expect(folder(["HOME": "/h", "XDG_CACHE_HOME": "/c"]) == "/c/esparse/cuda")
        #expect(folder(["HOME": "/h", "XDG_CACHE_HOME": "c"]) == "/h/.cache/esparse/cuda")
        #expect(folder([:]) == nil)
    }

    @Test func aKernelThatThereIsNotIsNamed() throws {
        let machine = try FakeMachine()
        let kernels = try library(machine, nil)
        #expect(throws: CUDAError.self) { try kernels.kernel("absent_f", in: .elements) }
        machine.compiler.fail("nvrtcCompileProgram", 6)
        #expect(throws: CUDAError.self) { try kernels.kernel("f", in: .positions) }
        machine.compiler.fail("nvrtcCompileProgram", 0)
        #expect(try kernels.kernel("f", in: .positions).name == "f")
    }
}
