package flows

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseSize parses a number with a decimal unit: "512KB", "10 MB", "1GB".
func ParseSize(text string) (int64, bool) {
	digits := strings.TrimRight(text, "kKmMgGbB ")
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		return 0, false
	}
	switch strings.ToUpper(strings.TrimSpace(text[len(digits):])) {
	case "", "B":
		return n, true
	case "KB":
		return n * 1000, true
	case "MB":
		return n * 1000_000, true
	case "GB":
		return n * 1000_000_000, true
	}
	return 0, false
}

// SizeText is a size for messages, in the largest unit that is exact: "10 MB".
func SizeText(n int64) string {
	switch {
	case n >= 1000_000_000 && n%1000_000_000 == 0:
		return fmt.Sprintf("%d GB", n/1000_000_000)
	case n >= 1000_000 && n%1000_000 == 0:
		return fmt.Sprintf("%d MB", n/1000_000)
	case n >= 1000 && n%1000 == 0:
		return fmt.Sprintf("%d KB", n/1000)
	}
	return fmt.Sprintf("%d bytes", n)
}
