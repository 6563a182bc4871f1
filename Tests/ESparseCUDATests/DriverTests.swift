// Devices, memory, copies, kernels, events and graphs on a driver without a GPU; failures are reported and nothing leaks.

import ESparseCUDA
import Testing

@Suite struct DriverTests {
    /// Kinds of objects that the fake driver counts.
    static let kinds = ["contexts", "streams", "buffers", "pinned", "events", "modules", "graphs", "runs"]

    private func expectNothingLives(_ driver: FakeLibrary) {
        for kind in Self.kinds { #expect(driver[kind] == 0, "\(kind)") }
    }

    @Test func devicesAreDescribed() throws {
        let machine = try FakeMachine()
        machine.driver["devices"] = 2
        let devices = try CUDADriver.load(machine.search).devices()
        #expect(devices.map(\.name) == ["Fake GPU 0", "Fake GPU 1"])
        #expect(devices[1].index == 1 && devices[1].multiprocessorCount == 132 && devices[1].memoryBytes == 80 << 30)
        #expect(devices[1].capability == ComputeCapability(major: 9, minor: 0))
        #expect(devices[1].capability.architecture == "sm_90")
        // 2619 MHz, twice a clock, on 640 bytes: an H100's 3.35 TB/s.
        #expect(abs(devices[1].memoryBytesPerSecond - 3.352e12) < 1e9)
        machine.driver.fail("cuDeviceGetAttribute")
        #expect(throws: CUDAError.self) { try CUDADriver.load(machine.search).devices() }
    }

    @Test func aDriverThatDoesNotStartSaysWhy() throws {
        let machine = try FakeMachine()
        machine.driver.fail("cuInit", 100)
        let error = #expect(throws: CUDAError.self) { try CUDADriver.load(machine.search) }
        #expect(error?.description == "the CUDA driver cannot start: no CUDA-capable device is detected (code 100)")
    }

    @Test func devicesThatCannotBeUsedAreNamed() throws {
        let machine = try FakeMachine()
        let driver = try CUDADriver.load(machine.search)
        let error = #expect(throws: CUDAError.self) { try CUDADevice(index: 1, driver: driver) }
        #expect(error?.description == "there is no CUDA device 1: devices are numbered from 0 to 0")
        machine.driver["major"] = 7
        machine.driver["minor"] = 5
        let old = #expect(throws: CUDAError.self) { try CUDADevice(driver: driver) }
        #expect(old?.description == "Fake GPU 0 has compute capability 7.5, but 8.0 or higher is needed")
        machine.driver["devices"] = 0
        let none = #expect(throws: CUDAError.self) { try CUDADevice(driver: driver) }
        #expect(none?.description == "there is no CUDA device")
        expectNothingLives(machine.driver)
    }

    @Test(arguments: [
        ("cuDeviceGet", "open device 0"), ("cuDevicePrimaryCtxRetain", "open a context on Fake GPU 0"),
        ("cuCtxSetCurrent", "use a context"), ("cuDeviceGetDefaultMemPool", "open the memory pool"),
        ("cuMemPoolSetAttribute", "set up the memory pool"), ("cuStreamCreate", "make a stream"),
    ])
    func aDeviceThatCannotBeOpenedLeavesNothing(_ function: String, _ operation: String) throws {
        let machine = try FakeMachine()
        let driver = try CUDADriver.load(machine.search)
        machine.driver.fail(function, 42)
        let error = #expect(throws: CUDAError.self) { try CUDADevice(driver: driver) }
        #expect(error?.description == "the CUDA driver cannot \(operation): words for 42 (code 42)")
        expectNothingLives(machine.driver)
    }

    @Test func aDeviceIsReleasedAfterItsBuffers() throws {
        let machine = try FakeMachine()
        var device: CUDADevice? = try machine.device()
        #expect(machine.driver["contexts"] == 1 && machine.driver["streams"] == 1)
        #expect(machine.driver["threshold"] == -1)
        let buffer = try device?.allocate(100)
        device = nil
        #expect(machine.driver["contexts"] == 1 && machine.driver["buffers"] == 1)
        #expect((buffer?.address ?? 0) % 256 == 0 && buffer?.byteCount == 100)
        withExtendedLifetime(buffer) {}
    }

    @Test func everythingIsReleased() throws {
        let machine = try FakeMachine()
        try useEverything(machine)
        expectNothingLives(machine.driver)
    }

    private func useEverything(_ machine: FakeMachine) throws {
        let device = try machine.device()
        let buffer = try device.buffer([1, 2, 3] as [Float])
        let pinned = try PinnedBuffer(byteCount: 12, on: device)
        let event = try CUDAEvent(on: device)
        let kernel = try CUDAModule(machineCode: Array("code".utf8), on: device).kernel("f")
        let graph = try device.capture {
            try kernel.launch(grid: LaunchSize(1), block: 32, [])
            return [buffer]
        }
        #expect(machine.driver["modules"] == 1 && machine.driver["runs"] == 1 && machine.driver["graphs"] == 0)
        withExtendedLifetime((pinned, event, graph)) {}
    }

    @Test func memoryThatThereIsNotIsAnError() throws {
        let machine = try FakeMachine()
        let device = try machine.device()
        let memory = try device.memory()
        #expect(memory.free == 1 << 30 && memory.total == 80 << 30)
        let error = #expect(throws: CUDAError.self) { try device.allocate(2 << 30) }
        #expect(error == .outOfMemory(byteCount: 2 << 30, device: "Fake GPU 0"))
        #expect(machine.driver["buffers"] == 0)
        let empty = try device.allocate(0)
        #expect(empty.address == 0 && machine.driver["buffers"] == 0)
        #expect(try empty.all.download(Float.self, count: 0).isEmpty)
    }

    @Test func copiesGoWhereSlicesSay() throws {
        let machine = try FakeMachine()
        let device = try machine.device()
        let buffer = try device.buffer([0, 1, 2, 3, 4, 5] as [Int32])
        #expect(try buffer.all.download(Int32.self, count: 6) == [0, 1, 2, 3, 4, 5])
        #expect(try buffer.slice(from: 8).download(Int32.self, count: 2) == [2, 3])
        try buffer.slice(from: 4, byteCount: 8).upload([7, 8] as [Int32])
        try buffer.slice(from: 12, byteCount: 4).fill(with: 1)
        let other = try device.allocate(12)
        try other.slice(from: 4).copy(from: buffer.slice(from: 8, byteCount: 8))
        #expect(try buffer.all.download(Int32.self, count: 6) == [0, 7, 8, 0x0101_0101, 4, 5])
        #expect(try other.slice(from: 4).download(Int32.self, count: 2) == [8, 0x0101_0101])
        #expect(buffer.slice(from: 8).slice(from: 4).address == buffer.address + 12)
        #expect(buffer.slice(from: 8).slice(from: 4).byteCount == 12)
    }

    @Test func pinnedMemoryIsZeroAndCopiesBothWays() throws {
        let machine = try FakeMachine()
        let device = try machine.device()
        let pinned = try PinnedBuffer(byteCount: 12, on: device)
        #expect(pinned.withValues(as: Int32.self) { [$0[0], $0[1], $0[2]] } == [0, 0, 0])
        pinned.withValues(as: Int32.self) { $0[1] = 9 }
        let buffer = try device.buffer([5, 5, 5, 5, 6] as [Int32])
        try pinned.enqueueCopy(to: buffer.all)
        #expect(try buffer.all.download(Int32.self, count: 4) == [0, 9, 0, 5])
        try pinned.enqueueCopy(from: buffer.slice(from: 8))
        #expect(pinned.withValues(as: Int32.self) { [$0[0], $0[1], $0[2]] } == [0, 5, 6])
    }

    @Test func kernelsGetTheirArgumentsInOrder() throws {
        let machine = try FakeMachine()
        let device = try machine.device()
        let kernel = try CUDAModule(machineCode: Array("code".utf8), on: device).kernel("f")
        let buffer = try device.allocate(64)
        machine.driver["argument count"] = 6
        try kernel.launch(
            grid: LaunchSize(7, 5, 3), block: 256, sharedBytes: 1024,
            [.pointer(buffer.slice(from: 16)), .pointer(nil), .count(3), .int32(-1), .int64(-1), .float(1)])
        #expect(
            machine.driver.text("launch")
                == "7,5,3 256,1,1 1024 \(String(buffer.address + 16, radix: 16)) 0 3 ffffffff "
                + "ffffffffffffffff 3f800000")
        #expect(machine.driver.count("cuFuncSetAttribute") == 0)
        machine.driver["argument count"] = 0
        for bytes in [100 << 10, 60 << 10, 100 << 10] {
            try kernel.launch(grid: LaunchSize(1), block: 32, sharedBytes: bytes, [])
        }
        #expect(machine.driver["shared limit"] == 100 << 10 && machine.driver.count("cuFuncSetAttribute") == 1)
    }

    @Test func aBufferLivesUntilItsLaunchIsMade() throws {
        let machine = try FakeMachine()
        let device = try machine.device()
        let kernel = try CUDAModule(machineCode: Array("code".utf8), on: device).kernel("f")
        machine.driver["argument count"] = 1
        for _ in 0..<10 {
            try kernel.launch(grid: LaunchSize(1), block: 32, [.pointer(device.allocate(256).all)])
        }
        #expect(machine.driver["used after free"] == 0 && machine.driver["buffers"] == 0)
    }

    @Test func kernelsThatFailAreNamed() throws {
        let machine = try FakeMachine()
        let device = try machine.device()
        #expect(throws: CUDAError.self) { try CUDAModule(machineCode: Array("junk".utf8), on: device) }
        let module = try CUDAModule(machineCode: Array("code".utf8), on: device)
        let absent = #expect(throws: CUDAError.self) { try module.kernel("absent_one") }
        #expect(
            absent?.description == "the CUDA driver cannot find the kernel absent_one: words for 500 (code 500)")
        machine.driver.fail("cuLaunchKernel", 701)
        let kernel = try module.kernel("f")
        let error = #expect(throws: CUDAError.self) { try kernel.launch(grid: LaunchSize(1), block: 32, []) }
        #expect(error?.description == "the CUDA driver cannot start the kernel f: words for 701 (code 701)")
    }

    @Test func timesAreOfTheDevicesClock() throws {
        let machine = try FakeMachine()
        let device = try machine.device()
        machine.driver["tick"] = 2500
        #expect(try abs(device.seconds {} - 0.0025) < 1e-9)
        var rounds = 0
        let median = try device.medianSeconds(rounds: 3) {
            machine.driver["tick"] = [1000, 9000, 3000][rounds]
            rounds += 1
        }
        #expect(abs(median - 0.003) < 1e-9 && machine.driver["events"] == 0)
    }

    @Test func aGraphRunsWhatWasRecorded() throws {
        let machine = try FakeMachine()
        let device = try machine.device()
        let kernel = try CUDAModule(machineCode: Array("code".utf8), on: device).kernel("f")
        let graph = try device.capture {
            for _ in 0..<3 { try kernel.launch(grid: LaunchSize(1), block: 32, []) }
            return []
        }
        #expect(machine.driver["launches"] == 0 && machine.driver["graphs"] == 0)
        try graph.launch()
        try graph.launch()
        #expect(machine.driver["launches"] == 6)
    }

    @Test func aRecordThatFailsLeavesTheStreamUsable() throws {
        struct Stop: Error {}
        let machine = try FakeMachine()
        let device = try machine.device()
        #expect(throws: Stop.self) { try device.capture { throw Stop() } }
        #expect(throws: CUDAError.self) {
            try device.capture {
                try device.synchronize(); return []
            }
        }
        #expect(throws: CUDAError.self) {
            try device.capture {
                try? device.synchronize(); return []
            }
        }
        for function in ["cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphInstantiateWithFlags"] {
            machine.driver.fail(function, 9)
            #expect(throws: CUDAError.self) { try device.capture { [] } }
            machine.driver.fail(function, 0)
        }
        #expect(machine.driver["graphs"] == 0 && machine.driver["runs"] == 0)
        try device.capture { [] }.launch()
        try device.synchronize()
    }
}
