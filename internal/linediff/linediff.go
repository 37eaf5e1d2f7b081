// Package linediff compares texts line by line.
package linediff

// Common returns, for every pair of positions, the length of the longest common subsequence of the remaining lines.
// Time and memory are proportional to len(a)*len(b).
func Common(a, b []string) [][]int32 {
	common := make([][]int32, len(a)+1)
	common[len(a)] = make([]int32, len(b)+1)
	for i := len(a) - 1; i >= 0; i-- {
		common[i] = make([]int32, len(b)+1)
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	return common
}
