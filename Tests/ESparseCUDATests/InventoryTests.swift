// What `esparse devices` prints: what was found, and one sentence for each thing that is missing.

import ESparseCUDA
import FoundationEssentials
import Testing

@Suite struct InventoryTests {
    @Test func everythingIsThere() throws {
        let machine = try FakeMachine()
        machine.driver["devices"] = 2
        let inventory = CUDAInventory(machine.search)
        let path = machine.folder.path
        #expect(inventory.problem == nil && inventory.devices.map(\.name) == ["cuda:0", "cuda:1"])
        #expect(inventory.devices[1].computeCapability == "9.0" && inventory.devices[1].problem == nil)
        #expect(
            inventory.libraries.map(\.sentence) == [
                "the CUDA driver at \(path)/libcuda.so.1 serves CUDA 12.4.0",
                "NVRTC 12.9.0 is at \(path)/libnvrtc.so.12",
                "cuBLASLt 12.9.1 is at \(path)/libcublasLt.so.12", "cuSPARSELt 0.8.1 is at \(path)/libcusparseLt.so.0",
            ])
        for kind in DriverTests.kinds { #expect(machine.driver[kind] == 0) }
    }

    @Test func nothingIsThere() throws {
        let folder = try TestFolder()
        let inventory = CUDAInventory(LibrarySearch(environment: [:], asksSystem: false, root: folder.path))
        #expect(inventory.devices.isEmpty)
        let driver = CUDAError.libraryMissing(.driver, folders: []).description
        #expect(inventory.problem == driver && inventory.libraries[0].sentence == driver)
        #expect(inventory.libraries.map(\.library) == CUDALibrary.allCases)
        #expect(inventory.libraries.allSatisfy { $0.path == nil && $0.version == nil && $0.problem == $0.sentence })
    }

    @Test func whatKeepsDevicesFromUseIsSaid() throws {
        let machine = try FakeMachine()
        machine.sparse["minor"] = 4
        #expect(CUDAInventory(machine.search).problem == nil)
        machine.dense["major"] = 11
        #expect(CUDAInventory(machine.search).problem?.hasPrefix("cuBLASLt at ") == true)
        machine.driver["major"] = 7
        let old = CUDAInventory(machine.search)
        #expect(old.problem == "Fake GPU 0 has compute capability 7.0, but 8.0 or higher is needed")
        #expect(old.devices[0].problem == old.problem)
        machine.driver["devices"] = 0
        #expect(CUDAInventory(machine.search).problem == "there is no CUDA device")
        machine.driver.fail("cuInit", 100)
        #expect(
            CUDAInventory(machine.search).problem
                == "the CUDA driver cannot start: no CUDA-capable device is detected (code 100)")
    }

    @Test func theJSONHasTheNamesThatReadersRelyOn() throws {
        let machine = try FakeMachine()
        machine.sparse["minor"] = 4
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(CUDAInventory(machine.search)), as: UTF8.self)
        let path = machine.folder.path
        let start = """
            {"devices":[{"compute_capability":"9.0","memory_bytes":85899345920,"model":"Fake GPU 0",\
            "multiprocessors":132,"name":"cuda:0"}],"libraries":[{"library":"driver","path":"\(path)/libcuda.so.1",\
            "version":"12.4.0"},
            """
        #expect(text.hasPrefix(start))
        #expect(
            text.hasSuffix(
                #"cuSPARSELt at \#(path)/libcusparseLt.so.0 is version 0.4.1, but 0.5.2 or newer is needed; "#
                    + #"install it with `pip install nvidia-cusparselt-cu12`"}]}"#))
    }

    @Test func theFileBehindABareNameIsFound() throws {
        let machine = try FakeMachine()
        let library = try DynamicLibrary(.driver, path: "\(machine.folder.path)/libcuda.so.1")
        let address = try #require(library.optionalFunction("cuDriverGetVersion", as: UInt.self))
        #expect(DynamicLibrary.file(at: address, in: DynamicLibrary.memoryMap) == library.path)
        let map = """
            1000-2000 r--p 00000000 00:00 0
            2000-3000 r-xp 00000000 08:01 12                         /a b/lib.so
            3000-4000 rw-p 00000000 00:00 0                          [heap]
            """
        #expect([0x2000, 0x2fff].map { DynamicLibrary.file(at: $0, in: map) } == ["/a b/lib.so", "/a b/lib.so"])
        for address: UInt in [0x0fff, 0x1000, 0x3000, 0x4000] {
            #expect(DynamicLibrary.file(at: address, in: map) == nil)
        }
    }
}
