"""What is looked at and ticked: the doctor, the checklists."""
