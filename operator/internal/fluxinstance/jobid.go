package fluxinstance

// JobID is the number of a job.
type JobID uint64

// alphabet of base 58. Source: Flux RFC 19, section F58.
const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// String is the ID in Flux's short form, F58, which all commands of Flux take.
func (id JobID) String() string {
	const most = 11 // digits of 64 bits
	var digits [most]byte
	at := most
	for rest := uint64(id); ; rest /= 58 {
		at--
		digits[at] = alphabet[rest%58]
		if rest < 58 {
			return "ƒ" + string(digits[at:])
		}
	}
}
