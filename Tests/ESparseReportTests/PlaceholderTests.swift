import Testing

@Suite struct PlaceholderReportTests {
    @Test func builds() { #expect(Bool(true)) }
}
