package instance

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ID is the ID of a job.
type ID uint64

// alphabet of base 58. Source: Flux RFC 19, section F58.
const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// String is the ID in Flux's short form, F58.
func (id ID) String() string {
	digits := make([]byte, 0, 11)
	for rest := uint64(id); ; rest /= 58 {
		digits = append([]byte{alphabet[rest%58]}, digits...)
		if rest < 58 {
			return "ƒ" + string(digits)
		}
	}
}

// ParseID reads an ID in F58, with ƒ or f before it, or in decimal.
func ParseID(text string) (ID, error) {
	digits, long := strings.CutPrefix(text, "ƒ")
	if !long {
		var short bool
		if digits, short = strings.CutPrefix(text, "f"); !short {
			id, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("invalid JobID value: %q", text)
			}
			return ID(id), nil
		}
	}
	var id uint64
	for _, digit := range digits {
		value := strings.IndexRune(alphabet, digit)
		if value < 0 || id > (1<<64-1-uint64(value))/58 {
			return 0, fmt.Errorf("invalid JobID value: %q", text)
		}
		id = id*58 + uint64(value)
	}
	if utf8.RuneCountInString(digits) == 0 {
		return 0, fmt.Errorf("invalid JobID value: %q", text)
	}
	return ID(id), nil
}
