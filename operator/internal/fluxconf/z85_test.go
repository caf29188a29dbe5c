package fluxconf

import (
	"bytes"
	"strings"
	"testing"
)

// The test case of ZeroMQ RFC 32.
func TestZ85OfTheRFC(t *testing.T) {
	data := []byte{0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B}
	if got := encodeZ85(data); got != "HelloWorld" {
		t.Errorf("encoded: %q", got)
	}
	if got, err := decodeZ85("HelloWorld"); err != nil || !bytes.Equal(got, data) {
		t.Errorf("decoded: % X, %v", got, err)
	}
}

func TestDecodeZ85RefusesWithoutTellingTheText(t *testing.T) {
	tests := map[string]string{
		"Hell":       "Z85 of 4 characters",
		"Hello_orld": "character 6 is not one of Z85",
		"Hell\xff":   "character 5 is not one of Z85",
		"#####":      "more than four bytes",
	}
	for text, want := range tests {
		_, err := decodeZ85(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), text) {
			t.Errorf("decodeZ85(%q): %v, want an error with %q", text, err, want)
		}
	}
}

func FuzzZ85(f *testing.F) {
	f.Add([]byte("HelloWorld"))
	f.Add([]byte{0, 0, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		whole := data[:len(data)/4*4]
		if back, err := decodeZ85(encodeZ85(whole)); err != nil || !bytes.Equal(back, whole) {
			t.Fatalf("% X came back as % X, %v", whole, back, err)
		}
		if decoded, err := decodeZ85(string(data)); err == nil && encodeZ85(decoded) != string(data) {
			t.Fatalf("%q came back as %q", data, encodeZ85(decoded))
		}
	})
}
