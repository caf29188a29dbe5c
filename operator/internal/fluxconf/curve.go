package fluxconf

import (
	"crypto/ecdh"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// curveKeySize is the length of a CURVE key in bytes, curveTextSize in Z85.
	// Source: ZeroMQ RFC 26, CurveZMQ.
	curveKeySize  = 32
	curveTextSize = curveKeySize / 4 * 5

	// curveLineSize is the longest line that Flux reads at once, in bytes.
	// Source: src/common/libzmqutil/cert.c of flux-core, as all of the format.
	curveLineSize = 254

	publicKey = "public-key"
	secretKey = "secret-key"

	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	// What a metadata key and a value may consist of.
	curveKeyCharacters   = letters + "-."
	curveValueCharacters = z85Alphabet + " \t"
	// What surrounds lines, keys and values, and is dropped.
	curveSpace = " \t\r\v\f"
)

// NewCurve makes a CURVE certificate, secret key included, as "flux keygen" writes
// it. All brokers of an instance have the same; Flux's messages call it name, which
// is letters, digits, '-' and '.'. random is crypto/rand.Reader outside of tests.
func NewCurve(random io.Reader, name string) (string, error) {
	if name == "" || strings.Trim(name, curveKeyCharacters) != "" || len(name) > curveLineSize/2 {
		return "", fmt.Errorf("name %.60q of a CURVE certificate must be 1 to %d letters, digits, '-' and '.'",
			name, curveLineSize/2)
	}
	secret := make([]byte, curveKeySize)
	if _, err := io.ReadFull(random, secret); err != nil {
		return "", fmt.Errorf("make a CURVE key: %w", err)
	}
	// X25519 does this to every secret that it uses; done here, the certificate
	// holds the one that is used. Source: RFC 7748, section 5.
	secret[0] &= 248
	secret[31] = secret[31]&127 | 64
	public, err := publicOf(secret)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`#  ZeroMQ CURVE **Secret** Certificate
#  Do not give it away: whoever has it can join this instance of Flux.

metadata
    name = "%s"
curve
    %s = "%s"
    %s = "%s"
`, name, publicKey, public, secretKey, encodeZ85(secret)), nil
}

// publicOf returns the public key that belongs to the secret one, in Z85.
func publicOf(secret []byte) (string, error) {
	key, err := ecdh.X25519().NewPrivateKey(secret)
	if err != nil {
		// Only for another length than 32. The error of ecdh names no bytes.
		return "", fmt.Errorf("read a CURVE secret key: %w", err)
	}
	return encodeZ85(key.PublicKey().Bytes()), nil
}

// CheckCurve tells whether Flux's brokers accept text as their certificate. Its
// errors name the line, and nothing of what is in it: that may be the secret key.
func CheckCurve(text string) error {
	var c curveReader
	number := 0
	for line := range strings.Lines(text) {
		number++
		if err := c.read(line); err != nil {
			return fmt.Errorf("CURVE certificate: line %d: %w", number, err)
		}
	}
	return c.finish()
}

// curveReader reads a certificate line by line: sections at the margin, and below
// each of them indented lines of the form key = "value".
type curveReader struct {
	section  string
	metadata map[string]bool
	public   string
	secret   []byte
}

func (c *curveReader) read(line string) error {
	line = strings.TrimSuffix(line, "\n")
	if len(line) > curveLineSize {
		return fmt.Errorf("it has %d bytes, and must have at most %d", len(line), curveLineSize)
	}
	indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
	stripped := strings.Trim(line, curveSpace)
	switch {
	case stripped == "" || stripped[0] == '#':
		return nil
	case !indented && (stripped == "metadata" || stripped == "curve"):
		c.section = stripped
		return nil
	case !indented:
		return errors.New(`it must be "metadata" or "curve", or else be indented`)
	case c.section == "":
		return errors.New(`"metadata" or "curve" must come first`)
	}
	key, value, err := splitCurveLine(stripped)
	if err != nil {
		return err
	}
	if c.section == "metadata" {
		return c.addMetadata(key)
	}
	return c.addKey(key, value)
}

// splitCurveLine returns key and value of a line such as name = "lead".
func splitCurveLine(line string) (key, value string, err error) {
	left, right, found := strings.Cut(line, "=")
	key = strings.Trim(left, curveSpace)
	if !found || key == "" || strings.Trim(key, curveKeyCharacters) != "" {
		return "", "", errors.New(`it must have the form key = "value", the key of letters, digits, '-' and '.'`)
	}
	right = strings.Trim(right, curveSpace)
	if len(right) < 2 || right[0] != '"' || right[len(right)-1] != '"' {
		return "", "", errors.New(`the value must be in double quotes`)
	}
	value = right[1 : len(right)-1]
	if strings.Trim(value, curveValueCharacters) != "" {
		return "", "", errors.New("the value must consist of white space and the characters of Z85")
	}
	return key, value, nil
}

func (c *curveReader) addMetadata(key string) error {
	if c.metadata[key] {
		return errors.New("the key stands in the section metadata already")
	}
	if c.metadata == nil {
		c.metadata = make(map[string]bool)
	}
	c.metadata[key] = true
	return nil
}

func (c *curveReader) addKey(key, value string) error {
	if key != publicKey && key != secretKey {
		return fmt.Errorf("the section curve may hold %s and %s only", publicKey, secretKey)
	}
	if (key == publicKey && c.public != "") || (key == secretKey && c.secret != nil) {
		return fmt.Errorf("%s stands there already", key)
	}
	if len(value) != curveTextSize {
		return fmt.Errorf("%s has %d characters, and must have %d", key, len(value), curveTextSize)
	}
	data, err := decodeZ85(value)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if key == publicKey {
		c.public = value
	} else {
		c.secret = data
	}
	return nil
}

// finish checks what only the whole certificate can tell.
func (c *curveReader) finish() error {
	if c.public == "" {
		return fmt.Errorf("CURVE certificate: %s is missing in section curve: make one with flux keygen", publicKey)
	}
	if c.secret == nil {
		return fmt.Errorf("CURVE certificate: %s is missing in section curve: make one with flux keygen", secretKey)
	}
	public, err := publicOf(c.secret)
	if err != nil {
		return err
	}
	if public != c.public {
		return fmt.Errorf("CURVE certificate: %s does not belong to %s: make both with flux keygen", publicKey, secretKey)
	}
	return nil
}
