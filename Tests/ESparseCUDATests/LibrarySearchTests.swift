// The places where libraries are looked for, in order, and one clear sentence for each thing that is wrong with them.

import ESparseCUDA
import FoundationEssentials
import Testing

@Suite struct LibrarySearchTests {
    @Test func foldersInOrder() throws {
        let folder = try TestFolder()
        let root = folder.path
        for name in [
            "path", "home/lib64", "usr/local/cuda/lib64", "usr/local/cuda-12.9/lib64", "usr/local/cuda-13.0/lib64",
            "usr/local/cuda-9.2/lib64", "python/nvidia/cublas/lib",
            "venv/lib/python3.9/site-packages/nvidia/cuda_nvrtc/lib",
            "venv/lib/python3.10/site-packages/nvidia/cublas/lib",
            "venv/lib/python3.11/site-packages/nvidia/cu13/lib", "venv/lib/python3.11/site-packages/cusparselt/lib",
            "user/.local/lib/python3.11/site-packages/nvidia/cusparselt/lib",
            "usr/lib/python3/dist-packages/nvidia/cublas/lib", "usr/lib/wsl/lib",
        ] { _ = try folder.make(name) }
        let search = LibrarySearch(
            environment: [
                "LD_LIBRARY_PATH": "\(root)/path:relative:\(root)/absent", "CUDA_HOME": "\(root)/home",
                "PYTHONPATH": "\(root)/python", "VIRTUAL_ENV": "\(root)/venv", "HOME": "\(root)/user",
            ], asksSystem: false, root: root)
        #expect(
            search.folders(for: .dense).map { String($0.dropFirst(root.count + 1)) } == [
                "path", "home/lib64", "usr/local/cuda/lib64", "usr/local/cuda-13.0/lib64",
                "usr/local/cuda-12.9/lib64", "usr/local/cuda-9.2/lib64", "python/nvidia/cublas/lib",
                "venv/lib/python3.11/site-packages/nvidia/cu13/lib", "venv/lib/python3.11/site-packages/cusparselt/lib",
                "venv/lib/python3.10/site-packages/nvidia/cublas/lib",
                "venv/lib/python3.9/site-packages/nvidia/cuda_nvrtc/lib",
                "user/.local/lib/python3.11/site-packages/nvidia/cusparselt/lib",
                "usr/lib/python3/dist-packages/nvidia/cublas/lib",
            ])
        #expect(search.folders(for: .driver) == ["\(root)/path", "\(root)/usr/lib/wsl/lib"])
    }

    @Test func candidatesAreBareNamesThenFilesThatAreThere() throws {
        let folder = try TestFolder()
        for name in ["a/libnvrtc.so.12", "a/libnvrtc.so.13", "b/libnvrtc.so.13", "a/libcublasLt.so.12"] {
            try folder.write("", to: name)
        }
        let environment = ["LD_LIBRARY_PATH": "\(folder.path)/a", "CUDA_PATH": "\(folder.path)/absent"]
        let alone = LibrarySearch(environment: environment, asksSystem: false, root: folder.path)
        let files = ["\(folder.path)/a/libnvrtc.so.13", "\(folder.path)/a/libnvrtc.so.12"]
        #expect(alone.candidates(for: .compiler) == files)
        let asking = LibrarySearch(environment: environment, root: folder.path)
        #expect(asking.candidates(for: .compiler) == ["libnvrtc.so.13", "libnvrtc.so.12"] + files)
        #expect(asking.candidates(for: .driver) == ["libcuda.so.1"])
    }

    @Test func aMissingLibraryIsNamedWithWhereItWasLookedFor() throws {
        let folder = try TestFolder()
        let nowhere = LibrarySearch(environment: [:], asksSystem: false, root: folder.path)
        #expect(throws: CUDAError.libraryMissing(.driver, folders: [])) { try CUDADriver.load(nowhere) }
        let some = LibrarySearch(environment: ["LD_LIBRARY_PATH": folder.path], asksSystem: false, root: folder.path)
        let error = #expect(throws: CUDAError.self) { try CUDACompiler.load(some) }
        #expect(
            error?.description
                == "NVRTC (libnvrtc.so.13 or libnvrtc.so.12) is neither where the system looks nor in \(folder.path); "
                + "install it with `pip install nvidia-cuda-nvrtc-cu12` or the CUDA toolkit")
        let many = CUDAError.libraryMissing(.sparse, folders: ["/1", "/2", "/3", "/4", "/5", "/6"])
        #expect(many.description.contains("nor in /1, /2, /3 and 3 more; install it with `pip install"))
    }

    @Test func aFileThatIsNoLibraryIsNamed() throws {
        let folder = try TestFolder()
        try folder.write("not a library", to: "libcusparseLt.so.0")
        let search = LibrarySearch(environment: ["LD_LIBRARY_PATH": folder.path], asksSystem: false, root: folder.path)
        let error = #expect(throws: CUDAError.self) { try CUDASparseLibrary.load(search) }
        let start = "cuSPARSELt at \(folder.path)/libcusparseLt.so.0 cannot be loaded: "
        #expect(error?.description.hasPrefix(start) == true)
    }

    @Test(arguments: [
        (FakeKind.driver, "cuMemAllocAsync"), (.driver, "cuGraphLaunch"), (.compiler, "nvrtcGetCUBIN"),
        (.dense, "cublasLtMatmulAlgoGetHeuristic"), (.sparse, "cusparseLtSpMMACompress2"),
    ])
    func aMissingFunctionIsNamed(_ kind: FakeKind, _ symbol: String) throws {
        let folder = try TestFolder()
        let fake = try FakeLibrary(kind, in: folder.path, without: symbol)
        defer { withExtendedLifetime(fake) {} }
        let search = LibrarySearch(environment: ["LD_LIBRARY_PATH": folder.path], asksSystem: false, root: folder.path)
        let error = #expect(throws: CUDAError.self) { try load(kind, search) }
        let library = try #require(CUDALibrary(rawValue: kind.rawValue))
        let path = "\(folder.path)/\(kind.fileName)"
        #expect(error == .symbolMissing(library, path: path, symbol: symbol))
        #expect(error?.description.contains("has no function \(symbol); version ") == true)
    }

    @Test func versionsThatWillNotDoAreNamed() throws {
        let machine = try FakeMachine()
        machine.driver["version"] = 11080
        machine.compiler["major"] = 11
        machine.dense["major"] = 14
        machine.sparse["minor"] = 5
        let path = machine.folder.path
        let driver = #expect(throws: CUDAError.self) { try CUDADriver.load(machine.search) }
        #expect(
            driver?.description
                == "the CUDA driver at \(path)/libcuda.so.1 is version 11.8.0, but 12.0 or newer is needed; "
                + "install NVIDIA's driver")
        #expect(machine.driver.count("cuInit") == 0)
        #expect(
            throws: CUDAError.versionUnsupported(
                .compiler, path: "\(path)/libnvrtc.so.12", found: LibraryVersion(11, 9, 0))
        ) { try CUDACompiler.load(machine.search) }
        #expect(
            throws: CUDAError.versionUnsupported(
                .dense, path: "\(path)/libcublasLt.so.12", found: LibraryVersion(14, 9, 1))
        ) { try CUDADenseLibrary.load(machine.search) }
        #expect(
            throws: CUDAError.versionUnsupported(
                .sparse, path: "\(path)/libcusparseLt.so.0", found: LibraryVersion(0, 5, 1))
        ) { try CUDASparseLibrary.load(machine.search) }
        machine.sparse["patch"] = 2
        #expect(try CUDASparseLibrary.load(machine.search).version == LibraryVersion(0, 5, 2))
    }

    @Test func aLibraryNewerThanTheDriverIsPassedOver() throws {
        let machine = try FakeMachine()
        let newer = try FakeLibrary(.compiler, in: machine.folder.path, named: "libnvrtc.so.13")
        newer["major"] = 13
        let driver = try CUDADriver.load(machine.search)
        #expect(driver.version == LibraryVersion(12, 4, 0))
        let compiler = try CUDACompiler.load(machine.search, driver: driver.version)
        #expect(compiler.path == "\(machine.folder.path)/libnvrtc.so.12")
        #expect(try CUDACompiler.load(machine.search).version == LibraryVersion(13, 9, 0))
        machine.compiler["major"] = 13
        let error = #expect(throws: CUDAError.self) {
            try CUDACompiler.load(machine.search, driver: driver.version)
        }
        #expect(
            error?.description
                == "NVRTC at \(machine.folder.path)/libnvrtc.so.13 is version 13.9.0, but the driver serves CUDA 12.4; "
                + "install version 12 of it, or a newer driver")
    }

    @Test func aToolkitIsLoadedWithoutCuSPARSELtButNotWithoutTheOthers() throws {
        let machine = try FakeMachine()
        #expect(throws: Never.self) { try CUDAToolkit.load(machine.search).sparse.get() }
        machine.sparse["minor"] = 4
        #expect(throws: CUDAError.self) { try CUDAToolkit.load(machine.search).sparse.get() }
        machine.dense["major"] = 11
        #expect(throws: CUDAError.self) { try CUDAToolkit.load(machine.search) }
    }

    @Test func aLibraryIsUnloadedWithItsLastUserOrWhenItWillNotDo() throws {
        let folder = try TestFolder()
        let path = "\(folder.path)/libcusparseLt.so.0"
        try FileManager.default.copyItem(atPath: FakeCompiler.library(.sparse), toPath: path)
        let search = LibrarySearch(environment: ["LD_LIBRARY_PATH": folder.path], asksSystem: false, root: folder.path)
        var library: CUDASparseLibrary? = try .load(search)
        #expect(FakeLibrary.isLoaded(path) && library?.path == path)
        library = nil
        #expect(!FakeLibrary.isLoaded(path))
        try FileManager.default.removeItem(atPath: path)
        let lacking = try FakeCompiler.library(.sparse, without: "cusparseLtMatmulSearch")
        try FileManager.default.copyItem(atPath: lacking, toPath: path)
        #expect(throws: CUDAError.self) { try CUDASparseLibrary.load(search) }
        #expect(!FakeLibrary.isLoaded(path))
    }

    @Test(arguments: FakeKind.allCases) func aFailingVersionIsAnError(_ kind: FakeKind) throws {
        let folder = try TestFolder()
        let fake = try FakeLibrary(kind, in: folder.path)
        let functions: [FakeKind: String] = [
            .driver: "cuDriverGetVersion", .compiler: "nvrtcVersion", .dense: "cublasLtGetProperty",
            .sparse: "cusparseLtGetProperty",
        ]
        fake.fail(try #require(functions[kind]), 7)
        let search = LibrarySearch(environment: ["LD_LIBRARY_PATH": folder.path], asksSystem: false, root: folder.path)
        let error = #expect(throws: CUDAError.self) { try load(kind, search) }
        #expect(error?.description.contains(" cannot tell its version: ") == true)
        #expect(error?.description.hasSuffix(" (code 7)") == true)
    }

    private func load(_ kind: FakeKind, _ search: LibrarySearch) throws {
        switch kind {
        case .driver: _ = try CUDADriver.load(search)
        case .compiler: _ = try CUDACompiler.load(search)
        case .dense: _ = try CUDADenseLibrary.load(search)
        case .sparse: _ = try CUDASparseLibrary.load(search)
        }
    }
}
