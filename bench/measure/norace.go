//go:build !race

package measure

const raceBuild = false
