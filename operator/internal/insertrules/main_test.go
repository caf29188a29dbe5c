package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const definition = `---
spec:
  size:
    minimum: 1
    x-kubernetes-validations:
    - rule: rules/sizes.yaml
    - rule: self > 0
  twice:
  - x-kubernetes-validations:
    - rule: rules/sizes.yaml
`

const rules = `# About sizes.

- fieldPath: .size
  rule: |
    self.all(s,
      // Whoever wants more waits.
      s <= {{.Limit}})
  messageExpression: |
    'at most {{.Limit}}'
- optionalOldSelf: true
  rule: self == oldSelf
  message: "{{.Limit}} is the limit: it stays"
`

const inserted = `    - fieldPath: .size
      messageExpression: '''at most 7'''
      rule: self.all(s, s <= 7)
    - message: '7 is the limit: it stays'
      optionalOldSelf: true
      rule: self == oldSelf
`

const wanted = `---
spec:
  size:
    minimum: 1
    x-kubernetes-validations:
` + inserted + `    - rule: self > 0
  twice:
  - x-kubernetes-validations:
` + inserted

// folderWith returns a folder with these files of rules.
func folderWith(t *testing.T, files map[string]string) string {
	t.Helper()
	from := t.TempDir()
	if err := os.Mkdir(filepath.Join(from, folder), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(from, folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return from
}

var limit = map[string]any{"Limit": 7}

func TestRulesStandWhereTypesReferToThem(t *testing.T) {
	from := folderWith(t, map[string]string{"sizes.yaml": rules})
	got, err := insert([]byte(definition), from, limit)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != wanted {
		t.Errorf("got:\n%s\nwant:\n%s", got, wanted)
	}
}

func TestInsertSaysWhatIsWrong(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		want  string
	}{
		"a file that is not there":      {nil, "rules/sizes.yaml holds no rules"},
		"a file without rules":          {map[string]string{"sizes.yaml": "# none"}, "rules/sizes.yaml holds no rules"},
		"a file that nobody refers to":  {map[string]string{"sizes.yaml": rules, "names.yaml": rules}, "no type refers to rules/names.yaml"},
		"a constant that is not there":  {map[string]string{"sizes.yaml": "- rule: self < {{.Limits}}"}, `no entry for key "Limits"`},
		"a field that a rule lacks":     {map[string]string{"sizes.yaml": "- rules: self"}, `unknown field "rules"`},
		"a file that is no list at all": {map[string]string{"sizes.yaml": "rule: self"}, "cannot unmarshal"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := insert([]byte(definition), folderWith(t, test.files), limit)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want %q", err, test.want)
			}
		})
	}
}
