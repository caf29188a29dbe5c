package fluxconf

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// A pair of keys that libzmq made, from its page zmq_curve(7).
const (
	knownPublic = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
	knownSecret = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
)

// keygen has the form of what "flux keygen" writes.
const keygen = `#  ZeroMQ CURVE **Secret** Certificate
#  DO NOT DISTRIBUTE

metadata
    name = "lead"
    keygen.hostname = "lead"
    keygen.time = "2026-06-01T10:00:00"
    keygen.userid = "1000"
    keygen.flux-core-version = "0.88.0"
    keygen.zmq-version = "4.3.5"
curve
    public-key = "` + knownPublic + `"
    secret-key = "` + knownSecret + `"
`

func TestCheckCurveAcceptsWhatFluxDoes(t *testing.T) {
	tests := map[string]string{
		"flux keygen":      keygen,
		"line ends of DOS": strings.ReplaceAll(keygen, "\n", "\r\n"),
		"tabs":             strings.ReplaceAll(keygen, "    ", "\t"),
		"no metadata":      keygen[strings.Index(keygen, "curve\n"):],
		"no last line end": strings.TrimSuffix(keygen, "\n"),
		"keys the other way round": "curve\n secret-key=\"" + knownSecret + "\"\n public-key=\"" +
			knownPublic + "\"\n# end\n",
	}
	for name, text := range tests {
		if err := CheckCurve(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckCurveRefusesWithoutTellingTheSecret(t *testing.T) {
	swap := strings.NewReplacer
	tests := []struct{ text, want string }{
		{"", "public-key is missing"},
		{"hello\n", "line 1: it must be"},
		{swap("metadata\n", "").Replace(keygen), `line 4: "metadata" or "curve" must come first`},
		{swap("curve\n", "crux\n").Replace(keygen), "line 11: it must be"},
		{swap(`"lead"`, "lead").Replace(keygen), "line 5: the value must be in double quotes"},
		{swap(`"lead"`, `"`).Replace(keygen), "line 5: the value must be in double quotes"},
		{swap(`"lead"`, `"le_ad"`).Replace(keygen), "line 5: the value must consist of"},
		{swap("name =", "na_me =").Replace(keygen), "line 5: it must have the form"},
		{swap("name =", "\u00a0name =").Replace(keygen), "line 5: it must have the form"},
		{swap("name =", "=").Replace(keygen), "line 5: it must have the form"},
		{swap("keygen.hostname", "name").Replace(keygen), "line 6: the key stands in the section metadata already"},
		{swap(`"lead"`, `"`+strings.Repeat("a", 250)+`"`).Replace(keygen), "line 5: it has 263 bytes"},
		{swap("public-key", "other-key").Replace(keygen), "line 12: the section curve may hold"},
		{swap("    public-key", "#   public-key").Replace(keygen), "public-key is missing"},
		{swap("    secret-key", "#   secret-key").Replace(keygen), "secret-key is missing"},
		{swap("public-key", "secret-key").Replace(keygen), "line 13: secret-key stands there already"},
		{swap("    secret-key", "secret-key").Replace(keygen), "line 13: it must be"},
		{swap(knownSecret, knownSecret+"0").Replace(keygen), "line 13: secret-key has 41 characters"},
		{swap(knownSecret, knownSecret[:39]+"_").Replace(keygen), "line 13: the value must consist of"},
		{swap(knownSecret, knownSecret[:39]+" ").Replace(keygen), "line 13: secret-key: character 40"},
		{swap(knownSecret, strings.Repeat("#", 40)).Replace(keygen), "line 13: secret-key: Z85"},
		{swap(knownPublic, strings.Repeat("0", 40)).Replace(keygen), "public-key does not belong to secret-key"},
		{swap(knownSecret, knownSecret[1:]+knownSecret[:1]).Replace(keygen), "public-key does not belong to secret-key"},
	}
	for _, tt := range tests {
		err := CheckCurve(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("CheckCurve: %v, want an error with %q", err, tt.want)
			continue
		}
		for start := range len(knownSecret) - 8 {
			if part := knownSecret[start : start+8]; strings.Contains(err.Error(), part) {
				t.Errorf("%v tells %q of the secret", err, part)
			}
		}
	}
}

func TestNewCurveMakesWhatFluxReads(t *testing.T) {
	one, err := NewCurve(rand.Reader, "flux-sample")
	if err != nil {
		t.Fatal(err)
	}
	if err = CheckCurve(one); err != nil {
		t.Errorf("%v in\n%s", err, one)
	}
	if !strings.Contains(one, "\nmetadata\n    name = \"flux-sample\"\ncurve\n") {
		t.Errorf("no name in\n%s", one)
	}
	other, err := NewCurve(rand.Reader, "flux-sample")
	if err != nil || one == other {
		t.Errorf("two certificates are equal, %v", err)
	}
}

func TestNewCurveDependsOnItsInputOnly(t *testing.T) {
	with := func(fill byte) string {
		text, err := NewCurve(bytes.NewReader(bytes.Repeat([]byte{fill}, curveKeySize)), "a")
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if first, again := with(1), with(1); first != again || first == with(2) {
		t.Error("the certificate must be a function of the random bytes")
	}
}

func TestNewCurveRefuses(t *testing.T) {
	for _, name := range []string{"", "a b", `a"`, "a\nb", "a_b", strings.Repeat("a", 128)} {
		if _, err := NewCurve(rand.Reader, name); err == nil {
			t.Errorf("name %q was accepted", name)
		}
	}
	broken := errors.New("no entropy")
	if _, err := NewCurve(iotest.ErrReader(broken), "a"); !errors.Is(err, broken) {
		t.Errorf("with a broken source: %v", err)
	}
	if _, err := NewCurve(strings.NewReader("short"), "a"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("with a short source: %v", err)
	}
}

func FuzzCheckCurve(f *testing.F) {
	f.Add(keygen)
	f.Add("curve\n\tpublic-key = \"\"")
	f.Add("\x00\n metadata")
	f.Fuzz(func(t *testing.T, text string) {
		if CheckCurve(text) != nil {
			return
		}
		// Comments may follow, so an accepted certificate stays accepted.
		if err := CheckCurve(text + "\n# end\n"); err != nil {
			t.Fatalf("with a comment: %v", err)
		}
		// Another section's line is an error wherever it stands.
		if err := CheckCurve(text + "\nother\n"); err == nil {
			t.Fatal("an unknown section was accepted")
		}
	})
}
