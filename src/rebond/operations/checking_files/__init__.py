"""Files on a disk, judged by themselves: archives, dumps, their sums, the folders that hold them."""
