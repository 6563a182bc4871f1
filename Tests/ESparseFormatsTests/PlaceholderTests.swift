import Testing

@Suite struct PlaceholderFormatsTests {
    @Test func builds() { #expect(Bool(true)) }
}
