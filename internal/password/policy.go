package password

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// MinLength is the minimum length of the password of a person, in characters: a password that is the only factor has at least 15
// (NIST SP 800-63B-4, section 3.1.1.2).
const MinLength = 15

// maxPeriod is the length of the longest group of characters that makes a weak password by being repeated.
const maxPeriod = 6

//go:embed common.txt
var commonText string

// common returns the words of common.txt.
var common = sync.OnceValue(func() map[string]bool {
	words := map[string]bool{}
	for line := range strings.Lines(commonText) {
		if word := fold(line); word != "" && !strings.HasPrefix(line, "#") {
			words[word] = true
		}
	}
	return words
})

// rows are the characters that people type in their order. Read only.
var rows = []string{"abcdefghijklmnopqrstuvwxyz", "01234567890123456789012345678901234567890", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn", "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p"}

// What is wrong with a password, as Refuse says it. Read only.
var (
	notUTF8       = "must be UTF-8"
	tooShort      = fmt.Sprintf("must have at least %d characters: several words are easy to remember", MinLength)
	tooLong       = fmt.Sprintf("must have at most %d bytes", maxLength)
	oneCharacter  = "is one character again and again"
	fewCharacters = "is the same few characters again and again"
	aRow          = "is a row of the keyboard, the alphabet or numbers"
	allCommon     = "is made of common passwords, or of your name, which are guessed first"
)

// Reasons lists what Refuse can say.
func Reasons() []string {
	return []string{notUTF8, tooShort, tooLong, oneCharacter, fewCharacters, aRow, allCommon}
}

// Refuse says why a person may not choose a password, such as "must have at least 15 characters"; empty: it is good. names are the
// words that others guess first: the names of the user and of the product. There are no rules about kinds of characters. As NIST SP
// 800-63B-4 says, the password as a whole is compared with common ones: a common word in it does no harm.
func Refuse(secret string, names ...string) string {
	switch text := fold(secret); {
	case !utf8.ValidString(secret):
		return notUTF8
	case utf8.RuneCountInString(secret) < MinLength:
		return tooShort
	case len(secret) > maxLength:
		return tooLong
	case text == "" && !strings.ContainsFunc(secret, isOther(secret)):
		return oneCharacter
	case text != "" && period(text) <= maxPeriod && len(text) > period(text):
		return fewCharacters
	case text != "" && inRow(text):
		return aRow
	case text != "" && onlyWords(text, names):
		return allCommon
	}
	return ""
}

// fold returns the letters and digits of a text, in lower case.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// isOther reports whether a character is not the first one of a text.
func isOther(text string) func(rune) bool {
	first, _ := utf8.DecodeRuneInString(text)
	return func(r rune) bool { return r != first }
}

// period returns the length of the shortest beginning of a text that gives the text when it is repeated; the last time may be cut.
func period(text string) int {
	for n := 1; n < len(text); n++ {
		if strings.HasPrefix(text, text[n:]) {
			return n
		}
	}
	return len(text)
}

// inRow reports whether a text is a part of one of rows, forwards or backwards, perhaps begun again at its end.
func inRow(text string) bool {
	for _, row := range rows {
		for _, way := range []string{row, reversed(row)} {
			if strings.Contains(way+way, text) {
				return true
			}
		}
	}
	return false
}

func reversed(text string) string {
	all := []rune(text)
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return string(all)
}

// onlyWords reports whether a text has nothing but common words, names and digits.
func onlyWords(text string, names []string) bool {
	words := map[string]bool{}
	for _, name := range names {
		for _, part := range append(strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), name) {
			if word := fold(part); len(word) > 2 {
				words[word] = true
			}
		}
	}
	const longest = 40
	reached := make([]bool, len(text)+1) // the text up to there is made of words
	reached[0] = true
	for at := range text {
		if !reached[at] {
			continue
		}
		if text[at] >= '0' && text[at] <= '9' {
			reached[at+1] = true
		}
		for end := at + 1; end <= min(len(text), at+longest); end++ {
			if word := text[at:end]; common()[word] || words[word] {
				reached[end] = true
			}
		}
	}
	return reached[len(text)]
}
