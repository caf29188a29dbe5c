// Package argv splits a command line into words, without a shell.
//
// The syntax is the quoting of the POSIX shell (Shell Command Language, section
// 2.2) and nothing else of it: words are separated by white space; '…' is text as
// it is; within "…", a backslash quotes " \ $ and `; outside quotes it quotes any
// character; a backslash at the end of a line joins it with the next. What only a
// shell could do is an error, so that nobody waits for a pipe that never was.
//
// NeedsShell tells of what can be split, and means something else in a shell.
//
// The words are for the command of a Kubernetes container, where $(NAME) stands
// for a variable and $$ for a dollar sign: $(NAME) passes unchanged, and a quoted
// dollar sign is doubled.
package argv

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

const needsShell = "write sh -c '…' where a shell is needed, or quote the character"

// Split returns the words of line. An empty line has none.
func Split(line string) ([]string, error) {
	s, err := split(line)
	if err != nil {
		return nil, err
	}
	return s.words, nil
}

// Quote returns text as one word of a shell.
func Quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func split(line string) (*splitter, error) {
	s := &splitter{rest: []rune(line)}
	for len(s.rest) > 0 {
		if err := s.step(); err != nil {
			return nil, err
		}
	}
	s.endWord()
	return s, nil
}

// NeedsShell tells whether a shell would do something else with line than to run the
// words of Split: it cannot be split; it has several lines, a pattern for names of
// files, a comment or an assignment; or its command is the shell's own.
func NeedsShell(line string) bool {
	s, err := split(line)
	if err != nil {
		return true
	}
	return s.shell || len(s.words) > 0 && (slices.Contains(shellWords, s.words[0]) || isAssignment(s.words[0]))
}

// Variables returns the names of all $(NAME) in a line that can be split.
func Variables(line string) []string {
	s, err := split(line)
	if err != nil {
		return nil
	}
	return s.variables
}

// shellWords are words that a command of the shell's own begins with, as far as there
// is no program of the name.
var shellWords = []string{
	".", ":", "{", "!", "[[", "alias", "builtin", "case", "cd", "command", "declare", "eval", "exec", "exit", "export", "for", "function",
	"if", "let", "local", "read", "readonly", "set", "shopt", "source", "trap", "type", "typeset", "ulimit", "umask", "unset", "until", "wait", "while",
}

// isAssignment tells whether a shell would set a variable by the word.
func isAssignment(word string) bool {
	name, _, found := strings.Cut(word, "=")
	return found && isName(name) && !strings.ContainsAny(name, "-.")
}

type splitter struct {
	rest   []rune
	words  []string
	word   strings.Builder
	inWord bool // also true for an empty quoted word
	// shell says that a shell would not take the words as they are.
	shell     bool
	variables []string
}

func (s *splitter) next() rune {
	r := s.rest[0]
	s.rest = s.rest[1:]
	return r
}

func (s *splitter) add(r rune) {
	s.inWord = true
	s.word.WriteRune(r)
}

// addLiteral adds a character that must reach the program as it is.
func (s *splitter) addLiteral(r rune) {
	if r == '$' {
		s.add('$')
	}
	s.add(r)
}

func (s *splitter) endWord() {
	if s.inWord {
		s.words = append(s.words, s.word.String())
	}
	s.word.Reset()
	s.inWord = false
}

// step reads one character outside quotes, or all of a quoted text.
func (s *splitter) step() error {
	switch r := s.next(); {
	case unicode.IsSpace(r):
		s.endWord()
		s.shell = s.shell || r == '\n' && len(s.words) > 0 && strings.TrimSpace(string(s.rest)) != ""
	case r == '\'':
		return s.singleQuoted()
	case r == '"':
		return s.doubleQuoted()
	case r == '\\':
		if len(s.rest) == 0 {
			return fmt.Errorf("command ends with a backslash: remove it, or quote it as '\\'")
		}
		if q := s.next(); q != '\n' {
			s.addLiteral(q)
		}
	case r == '$':
		return s.variable()
	case strings.ContainsRune("|&;<>`()", r):
		return fmt.Errorf("command holds an unquoted %q, but no shell reads it: %s", r, needsShell)
	default:
		s.shell = s.shell || strings.ContainsRune("*?[", r) || !s.inWord && strings.ContainsRune("~#", r)
		s.add(r)
	}
	return nil
}

func (s *splitter) singleQuoted() error {
	s.inWord = true
	for len(s.rest) > 0 {
		r := s.next()
		if r == '\'' {
			return nil
		}
		s.addLiteral(r)
	}
	return fmt.Errorf("command holds a ' without its end: add it, or write \\'")
}

func (s *splitter) doubleQuoted() error {
	s.inWord = true
	for len(s.rest) > 0 {
		switch r := s.next(); {
		case r == '"':
			return nil
		case r == '$':
			if err := s.variable(); err != nil {
				return err
			}
		case r == '`':
			return fmt.Errorf("command holds an unquoted '`', but no shell reads it: %s", needsShell)
		case r == '\\' && len(s.rest) > 0 && strings.ContainsRune("\"\\$`\n", s.rest[0]):
			if q := s.next(); q != '\n' {
				s.addLiteral(q)
			}
		default:
			s.add(r)
		}
	}
	return fmt.Errorf("command holds a \" without its end: add it, or write \\\"")
}

// variable passes $(NAME) on, for Kubernetes to replace.
func (s *splitter) variable() error {
	if len(s.rest) > 0 && s.rest[0] == '(' {
		if end := strings.IndexRune(string(s.rest), ')'); end > 1 && isName(string(s.rest)[1:end]) {
			s.variables = append(s.variables, string(s.rest)[1:end])
			for _, r := range "$" + string(s.rest)[:end+1] {
				s.add(r)
			}
			s.rest = []rune(string(s.rest)[end+1:])
			return nil
		}
	}
	return fmt.Errorf("command holds an unquoted '$' that is not $(NAME): %s", needsShell)
}

// isName tells whether name is one that Kubernetes allows for a variable: ASCII
// letters, digits, '_', '-' and '.', not beginning with a digit.
func isName(name string) bool {
	for i, r := range name {
		letter := r == '_' || r == '-' || r == '.' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
