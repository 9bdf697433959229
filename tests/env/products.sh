# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# The products in the cache. One is made elsewhere, then renamed, then stamped: the stamp beside
# it sums up every file in it, so whatever was begun and not ended, emptied or removed is told from
# a product, and made again. Products are read-only, which root has to be told by other means: that
# is what the sum is for. Non-purpose: how they are made (steps.sh).

# product_sum PRODUCT: name, kind, mode, size, time and target of all in it. What Python compiles
# for itself while a program runs from there is nobody's loss.
product_sum()
{
	{
		find "$1" -name __pycache__ -prune -o -type d -printf '%P %y\n' -o \
			-printf '%P %y %m %s %T@ %l\n' || echo "unreadable $$"
	} | LC_ALL=C sort | sha256sum
}

# product_is_whole PRODUCT
product_is_whole()
{
	[ -s "$1.stamp" ] && [ -e "$1" ] && [ "$(product_sum "$1" 2>/dev/null)" = "$(cat "$1.stamp")" ]
}

# product_publish MADE PRODUCT: both in the cache.
product_publish()
{
	mkdir -p "$CACHE/products"
	# Those that are for everybody stay so: trees have a /tmp.
	find "$1" -mindepth 1 ! -type l ! -perm -1000 -exec chmod a-w {} +
	mv -T "$1" "$2"
	chmod a-w "$2"
	product_sum "$2" >"$WORK/stamp"
	mv "$WORK/stamp" "$2.stamp"
}

# product_remove PRODUCT: and what is left of one.
product_remove()
{
	rm -f "$1.stamp"
	tree_remove "$1"
}

# tree_remove PATH: though directories in it are read-only.
tree_remove()
{
	rm -rf "$1" 2>/dev/null && return
	find "$1" -type d -exec chmod u+w {} +
	rm -rf "$1"
}

# product_show PRODUCT NAME PATH: make it visible under OUT, as a link at PATH if there is one, and
# as ready/NAME, a file that is younger than the product it names and stays the same while that does:
# what make may have as prerequisite and target, and delete, without touching a product.
product_show()
(
	if [ -n "$3" ] && [ "$(readlink "$OUT/$3")" != "$1" ]; then
		mkdir -p "$(dirname "$OUT/$3")"
		ln -sfnT "$1" "$OUT/$3"
	fi
	read -r shown 2>/dev/null <"$OUT/ready/$2" && [ "$shown" = "$1" ] && exit
	mkdir -p "$OUT/ready"
	echo "$1" >"$OUT/ready/$2"
)
