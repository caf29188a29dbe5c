// Package argv splits a command line into words, without a shell.
//
// The syntax is the quoting of the POSIX shell (Shell Command Language, section
// 2.2) and nothing else of it: words are separated by white space; '…' is text as
// it is; within "…", a backslash quotes " \ $ and `; outside quotes it quotes any
// character; a backslash at the end of a line joins it with the next. What only a
// shell could do is an error, so that nobody waits for a pipe that never was.
//
// The words are for the command of a Kubernetes container, where $(NAME) stands
// for a variable and $$ for a dollar sign: $(NAME) passes unchanged, and a quoted
// dollar sign is doubled.
package argv

import (
	"fmt"
	"strings"
	"unicode"
)

const needsShell = "write sh -c '…' where a shell is needed, or quote the character"

// Split returns the words of line. An empty line has none.
func Split(line string) ([]string, error) {
	s := &splitter{rest: []rune(line)}
	for len(s.rest) > 0 {
		if err := s.step(); err != nil {
			return nil, err
		}
	}
	s.endWord()
	return s.words, nil
}

type splitter struct {
	rest   []rune
	words  []string
	word   strings.Builder
	inWord bool // also true for an empty quoted word
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
