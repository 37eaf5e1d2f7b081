package view

import "fmt"

// TooLarge says that something is larger than it may be, in bytes. A size that is not known is negative.
func TooLarge(what string, size, limit int64) string {
	if size < 0 {
		return fmt.Sprintf("%s is larger than %s bytes, the limit here", what, count(int(limit)))
	}
	return fmt.Sprintf("%s has %s bytes; the limit here is %s", what, count(int(size)), count(int(limit)))
}
