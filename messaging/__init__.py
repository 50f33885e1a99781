"""The words of Tidings as pure values and functions: nothing in here touches network, disk or clock."""
