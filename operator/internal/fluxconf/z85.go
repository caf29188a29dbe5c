package fluxconf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
)

// z85Alphabet are the digits of Z85, in order of their value.
// Source: ZeroMQ RFC 32, Z85.
const z85Alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"

// encodeZ85 returns data in Z85: five digits for each four bytes, the most
// significant one first. The length of data is a multiple of four.
func encodeZ85(data []byte) string {
	text := make([]byte, 0, len(data)/4*5)
	for ; len(data) >= 4; data = data[4:] {
		value := binary.BigEndian.Uint32(data)
		for _, weight := range []uint32{85 * 85 * 85 * 85, 85 * 85 * 85, 85 * 85, 85, 1} {
			text = append(text, z85Alphabet[value/weight%85])
		}
	}
	return string(text)
}

// decodeZ85 is the inverse of encodeZ85. Its errors tell nothing of the text but
// places and lengths: it may be a secret.
func decodeZ85(text string) ([]byte, error) {
	if len(text)%5 != 0 {
		return nil, fmt.Errorf("Z85 of %d characters: their number must be a multiple of 5", len(text))
	}
	data := make([]byte, 0, len(text)/5*4)
	for start := 0; start < len(text); start += 5 {
		var value uint64
		for i := range 5 {
			digit := strings.IndexByte(z85Alphabet, text[start+i])
			if digit < 0 {
				return nil, fmt.Errorf("character %d is not one of Z85", start+i+1)
			}
			value = value*85 + uint64(digit)
		}
		if value > math.MaxUint32 {
			return nil, errors.New("Z85 with five characters that stand for more than four bytes")
		}
		data = binary.BigEndian.AppendUint32(data, uint32(value))
	}
	return data, nil
}
