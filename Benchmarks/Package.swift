// swift-tools-version: 6.1
// Times what ESparseMicrobenchmarks prepares; a package of its own, so that nobody who uses the library builds its tools.

import PackageDescription

let package = Package(
    name: "Benchmarks",
    dependencies: [
        .package(name: "ESparse", path: ".."),
        .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "Kernels",
            dependencies: [
                .product(name: "ESparseMicrobenchmarks", package: "ESparse"),
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/Kernels",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
    ]
)
